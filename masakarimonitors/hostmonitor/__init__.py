"""The host monitor: whole hosts that die."""
