"""What the host monitor listens to whatever the driver: masakari, the operator, and what passes by to the core."""
