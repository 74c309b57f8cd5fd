"""What was ruled of whom, on what was seen, and what masakari made of it: kept on disk for whoever asks later."""
