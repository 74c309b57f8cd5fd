"""The one way by which a tool prints: a terminal obeys what it is shown, so it is shown text and nothing else."""

import sys
from typing import TextIO

from masakarimonitors.core.printable import printable


def say(text: str = "", *, lines: bool = False, now: bool = False, to: TextIO | None = None) -> None:
    """Print `text` on one line, or on those that it has, and `now` if somebody waits; `to` (None): standard output."""
    print(printable(text, keep="\n" if lines else ""), file=to or sys.stdout, flush=now)
