"""What the instance monitor listens to."""
