"""Pacemaker's alerts from end to end.

Pacemaker runs agent.py, which sends; socket.py is where the monitor listens; install.py is the
operator's tool that puts the agent into the cluster.
"""
