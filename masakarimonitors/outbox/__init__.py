"""Where a notification is durable before anything else happens to it."""
