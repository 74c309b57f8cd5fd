"""Monitors that notice failed processes, instances and hosts and tell masakari-api."""
