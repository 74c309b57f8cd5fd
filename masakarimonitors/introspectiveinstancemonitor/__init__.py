"""The introspective monitor: machines that hang, as their guest agent tells it."""
