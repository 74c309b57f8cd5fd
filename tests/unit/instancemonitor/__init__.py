"""The instance monitor, room by room."""
