"""What would be reported, played from how a monitor stands or from none, and shown; nothing is sent."""
