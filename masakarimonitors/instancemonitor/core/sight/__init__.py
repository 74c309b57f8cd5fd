"""How well an instance is in sight: what may be missed of it, what can be read of it, what tells of its end."""
