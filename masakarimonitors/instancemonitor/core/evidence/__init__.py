"""What was seen of an instance, weighed: what it proves, whether it is too old to count, what is noted of it."""
