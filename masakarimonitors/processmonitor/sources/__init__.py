"""What the process monitor listens to."""
