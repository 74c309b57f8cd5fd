"""The subcommands of masakari-monitors: the tools that an operator runs by hand."""
