"""A storm of everything around one real monitor: deaths, a faulty API, a faulty disk, crashes of the monitor itself."""
