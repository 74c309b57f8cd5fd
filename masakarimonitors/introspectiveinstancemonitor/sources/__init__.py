"""What the introspective monitor listens to."""
