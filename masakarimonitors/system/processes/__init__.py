"""Outside commands: started without a wait, within limits, and nothing left behind."""
