"""What the host monitor decides: pure, over every driver's observations."""
