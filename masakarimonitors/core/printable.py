"""Text from outside as it may be shown: in a sentence, a line of the log, a table on a terminal. Pure.

In: any text; whoever wrote it may have meant to move the cursor, to hide words, or to forge a further line. Out: the
same text, in which every character that would not be seen as itself stands as a backslash and its number; and `masked`,
in which nothing stands that looks like a secret.
"""

import re

MASK = "***"
"""Stands for what is not shown."""

# Each is looked for by hand first, as most texts have none, and a storm is a thousand of them at once.
_NAMED = ("token", "authorization", "password", "passwd", "passphrase", "secret", "key")
_OPTIONS = (*_NAMED, "pass", "pwd", "credential")
# Up to the last of several: a password may hold one, and an address several logins, as one of a message queue does.
_LOGIN = re.compile(r"(?<=//)[^/@\s]*@(?:[^/@\s\"']*@)*")
# What is hidden already stays so, also where what follows its quote belongs to another document. In quotes up to the
# same ones, which stand with backslashes where it is JSON within JSON.
_HIDDEN = r"(?:(?:bearer|basic)\s{1,8})?\\*[\"']?\*\*\*|<secret>|<\d+ characters"
_VALUE = rf"(?!{_HIDDEN})" r"(?:(?P<quote>\\*[\"'])(?:(?!(?<!\\)(?P=quote)).)*|[^\s\"']+)"
_NAME = r"(?:token|authorization|password|passwd|passphrase|secret|(?:api|access|secret)[_-]?key)"
_BESIDE = re.compile(
    rf"(?P<name>{_NAME}\\*[\"']?\s{{0,8}}[:=]\s{{0,8}}(?:(?:bearer|basic)\s{{1,8}})?){_VALUE}", re.IGNORECASE
)
_AFTER = re.compile(
    rf"(?P<name>(?<![\w-])--?[\w-]{{0,40}}?(?:{_NAME}|(?<![a-z])(?:pass|pwd)|credentials?)(?:\s{{1,8}}|=))(?!-){_VALUE}",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """`text` without what looks like a secret: the one rule for all that is logged, shown, kept and bundled.

    That is: a login in an address (`//me:word@host`); what is named a token, a password, a secret or a key of an API
    (`password=word`, `"token": "word"`, `Authorization: Bearer word`); and the value of an option that is named so
    (`--os-password word`). Whoever names it otherwise (`-p word`) shows it. Takes a time in proportion to the length.
    """
    if "@" in text:
        text = _LOGIN.sub(f"{MASK}@", text)
    folded = text.casefold()
    if any(name in folded for name in _NAMED):
        text = _BESIDE.sub(_hide, text)
    if "-" in text and any(name in folded for name in _OPTIONS):
        text = _AFTER.sub(_hide, text)
    return text


def _hide(found: re.Match[str]) -> str:
    quote = found["quote"] or ""
    return f"{found['name']}{quote}{MASK}"


def printable(text: str, longest: int | None = None, *, keep: str = "") -> str:
    r"""`text` with control characters, line ends and what else is not printable written as `\x1b`, `\n`, `\u202e`.

    Those in `keep` stay. Of more than `longest` characters (None: as many as there are) the first are shown, and "...".
    """
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one in keep else _written(one) for one in text)
    return text if longest is None or len(text) <= longest else f"{text[:longest]}..."


def _written(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
