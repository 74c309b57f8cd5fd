"""The operating system, behind small typed doors."""
