"""Which process an entry of the list means: what each is reduced to, what matches, and what was seen before."""
