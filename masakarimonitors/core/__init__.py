"""What every decision speaks: moments, commands, verdicts, typed notifications. Pure."""
