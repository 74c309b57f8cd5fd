"""Monitors that notice failed processes, machines and hosts and tell masakari-api."""
