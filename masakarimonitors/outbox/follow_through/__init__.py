"""What becomes of the reports that masakari has: each is looked at until masakari has ended with it."""
