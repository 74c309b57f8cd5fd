"""A decision played on a made-up clock, and the records that are written down for that."""
