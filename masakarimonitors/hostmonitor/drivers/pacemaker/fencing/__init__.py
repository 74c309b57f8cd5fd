"""Pacemaker's fencing: where each host's BMC is, and what a success of each fencing agent proves."""
