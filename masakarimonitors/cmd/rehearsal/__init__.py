"""What would be reported, played from how a monitor stands, none or a recording, and shown; nothing is sent."""
