"""What the core may ask for whatever the driver: signs of life, rounds among BMCs, what masakari has already."""
