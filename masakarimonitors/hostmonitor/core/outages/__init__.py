"""One host and its outage: where both stand, for which reason, what is said of them, what a successor inherits."""
