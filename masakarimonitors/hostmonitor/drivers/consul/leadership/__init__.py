"""Leader election by a lock in Consul's key-value store."""
