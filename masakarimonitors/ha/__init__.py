"""Compatibility: where third-party host drivers expect the way to masakari."""
