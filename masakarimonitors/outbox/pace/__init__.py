"""How many reports about instances masakari's engine is given at a time, and the looks at it for that."""
