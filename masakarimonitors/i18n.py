"""Compatibility: translation marks that third-party host drivers import; this project's words are English."""


def _(message: str) -> str:
    return message
