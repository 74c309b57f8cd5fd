"""How a command line is read, and how what was found is shown: to people, and to pipes."""
