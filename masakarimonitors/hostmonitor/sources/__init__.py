"""What the host monitor listens to; one driver, one file."""
