"""What this monitor would report: its decision on a made-up clock, in a world that is supposed; nothing is sent."""
