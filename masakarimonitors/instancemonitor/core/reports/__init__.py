"""What is reported of an instance, or told to people instead, and whether it may leave."""
