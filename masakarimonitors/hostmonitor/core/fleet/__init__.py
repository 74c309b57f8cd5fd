"""What spans hosts: sight of the links, who reports, masakari's segments, storms, and what is new of these."""
