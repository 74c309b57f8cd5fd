"""The driver for Pacemaker: its CIB, its state, its fencing."""
