"""What is known of one host before anybody judges it: each kind of evidence, and what it counts for."""
