"""What other rules would have said of recorded guests: the decision on a made-up clock; nobody is asked. Pure."""
