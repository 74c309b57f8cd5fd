"""The process monitor: service processes that die."""
