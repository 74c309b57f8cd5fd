"""Pacemaker's command-line tools: a closed table of what is run, and with whose rights."""
