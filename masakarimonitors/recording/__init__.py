"""What a monitor saw and decided, one observation after another: kept on disk to be played again."""
