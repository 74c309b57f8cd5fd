"""The one way by which a tool prints: a terminal obeys what it is shown, so it is shown text and nothing else."""

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TextIO

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.printable import printable


def say(text: str = "", *, lines: bool = False, now: bool = False, to: TextIO | None = None) -> None:
    """Print `text` on one line, or on those that it has, and `now` if somebody waits; `to` (None): standard output."""
    print(printable(text, keep="\n" if lines else ""), file=to or sys.stdout, flush=now)


def aside(speak: Callable[[], None]) -> None:
    """Have it said by a thread: a terminal that has gone, that nobody reads or that lacks a letter holds up nothing."""

    def safely() -> None:
        with contextlib.suppress(OSError, ValueError):
            speak()

    with contextlib.suppress(RuntimeError):  # there can be no thread
        threading.Thread(target=safely, daemon=True).start()


def outcome(done: bool | None, said: str, about: Mapping[str, JSON], *, as_json: bool) -> None:
    """What came of an act (None: nobody knows) that was wanted of what `about` names: to people, or one line of JSON.

    People read what was done on standard output, and what was not on the other one; a program reads both on the first.
    """
    if as_json:
        print(json.dumps({**about, "done": done, "said": said}))
    else:
        say(said, to=sys.stdout if done else sys.stderr)
