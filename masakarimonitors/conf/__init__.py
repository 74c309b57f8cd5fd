"""Options: their names, types, defaults, ranges and meaning."""
