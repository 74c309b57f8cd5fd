"""Compatibility: where third-party host drivers expect the words of an event."""
