"""Where third-party host drivers expect the door to masakari."""
