"""Translation marks for third-party host drivers, which import them; this project's words are English."""


def _(message: str) -> str:
    return message
