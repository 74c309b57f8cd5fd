"""The words of a tool or a BMC, fit to be shown: secrets masked first, then on one line, then cut."""

import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from masakarimonitors.core.printable import printable

LIMIT = 200
"""Characters that are shown of what somebody else says: a sentence or two."""

_MASK = "***"


def shown(words: str, *secrets: str, limit: int = LIMIT) -> str:
    """`words` without `secrets`, without line ends, at most `limit` characters.

    A secret is masked before anything is cut or its blanks are joined: half a password is one, too.
    """
    for secret in sorted({form for one in secrets for form in _forms(one)}, key=len, reverse=True):
        words = words.replace(secret, _MASK)
    words = " ".join(words.split())
    for secret in secrets:
        joined = " ".join(secret.split())  # as a tool that wraps its lines would have written it
        words = words.replace(joined, _MASK) if joined else words
    return printable(words[:limit])


def _forms(secret: str) -> Iterator[str]:
    """The secret as it may stand in an URL, in JSON, or in Python's way to show text."""
    if secret:
        yield from (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1])
        yield repr(secret)[1:-1]


def place(host: str) -> str:
    """A BMC's host or URL without what may stand there of a user and a password."""
    scheme, separator, rest = host.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def holds_login(host: str) -> bool:
    """Whether a user or a password stands in a BMC's host or URL."""
    return "@" in host
