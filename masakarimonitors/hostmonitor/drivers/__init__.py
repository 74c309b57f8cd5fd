"""One folder for each cluster engine: what it shows of its nodes, as observations."""
