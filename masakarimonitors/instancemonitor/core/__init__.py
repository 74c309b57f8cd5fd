"""What the instance monitor decides: pure."""
