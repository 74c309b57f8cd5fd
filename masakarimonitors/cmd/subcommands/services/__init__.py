"""The subcommands that stay: all monitors in one process, the receiver, a demonstration; and Pacemaker's alert."""
