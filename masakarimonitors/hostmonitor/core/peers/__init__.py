"""What the monitors of all hosts tell each other of themselves, and how they differ; nothing is decided by it."""
