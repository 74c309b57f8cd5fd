"""The leader election: who may report, who should, and what this monitor knows of it."""
