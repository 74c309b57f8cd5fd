"""What has been reported of a guest: where each report stands, and how many there may be."""
