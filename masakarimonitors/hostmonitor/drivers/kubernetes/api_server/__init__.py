"""The way to the API server: where it is, who asks it, and one connection with a time-out on each call."""
