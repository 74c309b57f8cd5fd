"""What the process monitor decides: pure."""
