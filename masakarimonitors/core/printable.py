"""Text from outside as it may be shown: in a sentence, a line of the log, a table on a terminal. Pure.

In: any text; whoever wrote it may have meant to move the cursor, to hide words, or to forge a further line. Out: the
same text, in which every character that would not be seen as itself stands as a backslash and its number.
"""


def printable(text: str, longest: int | None = None, *, keep: str = "") -> str:
    r"""`text` with control characters, line ends and what else is not printable written as `\x1b`, `\n`, `\u202e`.

    Those in `keep` stay. Of more than `longest` characters (None: as many as there are) the first are shown, and "...".
    """
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one in keep else _written(one) for one in text)
    return text if longest is None or len(text) <= longest else f"{text[:longest]}..."


def _written(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
