"""One thing that was looked at before anything runs, and how much it matters: what `masakari-monitors check` is told.

A text says what was seen, and where something is wrong also what that means and what to do.
"""

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much it matters to `masakari-monitors check`, in its own words."""

    OK = "ok"
    WARNING = "warning"
    """It works all the same, or may pass by itself; somebody should know."""
    FAULT = "FAULT"
    """It must be mended; the exit code is 1."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What has been found out; `about` names what it is about, in a word or two (empty: whoever asked knows)."""

    weight: Weight
    text: str
    about: str = ""


def ok(text: str) -> Finding:
    """It is as it should be."""
    return Finding(Weight.OK, text)


def warning(text: str) -> Finding:
    """Somebody should know."""
    return Finding(Weight.WARNING, text)


def fault(text: str) -> Finding:
    """It must be mended."""
    return Finding(Weight.FAULT, text)
