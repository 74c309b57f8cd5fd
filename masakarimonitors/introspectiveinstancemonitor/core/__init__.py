"""What the introspective monitor decides: pure."""
