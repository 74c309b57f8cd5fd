"""Compatibility: where third-party host drivers expect their base class."""
