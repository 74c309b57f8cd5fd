"""This process as a service: its signals, its log, its loop, what it loads, and what systemd hears of it."""
