"""Running commands as root from a monitor that is not root: our half (runner) and root's half (helper)."""
