"""The introspective monitor: guests that hang, as their agent tells it."""
