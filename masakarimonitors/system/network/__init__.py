"""HTTP in both directions and TCP, bounded in time and size; and the places at which this process listens."""
