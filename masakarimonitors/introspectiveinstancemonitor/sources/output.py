"""What a command in a guest printed, and whether an expression is found in it: bounded, for a guest wrote it.

In: the agent's word on how a command ended. Out: the exit code, the signal, the text. An expression that is
harmless to one text takes hours on another, which whoever is root in a guest can choose; so each search has a
time, after which it is given up. The library that can do so is loaded when the first expression is.
"""

import base64
import binascii
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST = 65536
"""Characters of a command's output that are looked at; a check that needs more should be a shorter command."""

SEARCH = 0.25
"""Seconds for one search; an ordinary one in 64 KiB takes a millisecond."""


class BadExpression(ValueError):
    """This is no regular expression, or none can be used here; the message says why."""


class Undecided(Exception):
    """The search has taken too long; the message says what to do."""


class Expression:
    """A regular expression in Python's syntax."""

    def __init__(self, pattern: str, *, lines: bool = True) -> None:
        """`lines`: whether `^` and `$` fit at each line. Raises BadExpression."""
        try:
            library = importlib.import_module("regex")
        except ImportError as error:
            raise BadExpression(
                f"the Python package regex, which bounds the time of a search, cannot be imported ({error})"
            ) from error
        try:
            # As Python's own, not in the library's other dialect.
            flags = library.VERSION0 | (library.MULTILINE if lines else 0)
            self._compiled: Any = library.compile(pattern, flags)
        except library.error as error:
            raise BadExpression(str(error)) from error
        self.pattern = pattern

    def found_in(self, text: str) -> bool:
        """Whether it is found in `text`; blocks for at most `SEARCH` seconds, other threads run meanwhile.

        Raises Undecided.
        """
        return self._decided(self._compiled.search, text)

    def match(self, text: str) -> bool:
        """Whether it fits from the beginning of `text` on; else as `found_in`."""
        return self._decided(self._compiled.match, text)

    def _decided(self, search: Callable[..., object], text: str) -> bool:
        try:
            return search(text, timeout=SEARCH, concurrent=True) is not None
        except TimeoutError:
            raise Undecided(
                f"the expression {self.pattern!r} was not decided on {len(text)} characters within {SEARCH:g} s; "
                "write it without repetitions inside of repetitions"
            ) from None


@dataclass(frozen=True, slots=True)
class End:
    """How a command ended: by `exit_code`, or by `signal` when that is None; `output` is what it printed."""

    exit_code: int | None
    signal: int | None
    output: str


def end_of(status: dict[str, Any]) -> End:
    """What a guest agent says of a command that has ended; raises ValueError for what makes no sense."""
    exit_code, signal = status.get("exitcode"), status.get("signal")
    for number in (exit_code, signal):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise ValueError(f"the agent calls {number!r} an exit code or signal")
    output = _decoded(status.get("out-data", "")) + _decoded(status.get("err-data", ""))
    return End(exit_code, signal, output[:LONGEST])


def _decoded(data: Any) -> str:
    if not isinstance(data, str):
        raise ValueError(f"the agent calls {data!r:.80} an output")
    # Four characters of base64 are three bytes; not more is decoded than is looked at.
    try:
        return base64.b64decode(data[: 4 * LONGEST]).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
