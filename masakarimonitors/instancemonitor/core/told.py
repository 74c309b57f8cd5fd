"""What has become of the report of an instance's death: one table. Pure.

A report that masakari refused (409: the host is on maintenance; 400: it does not know the host), or that expired, is
not the end of it: it is made anew when masakari may take it and the instance is still seen to be dead.
"""

from collections.abc import Mapping
from enum import StrEnum


class Fate(StrEnum):
    """Where the report of a death stands."""

    NONE = "none"
    """There is no death to report."""
    PENDING = "pending"
    """It waits for masakari, or nobody knows that it ended."""
    TAKEN = "taken"
    """masakari has it."""
    NOT_TAKEN = "not taken"
    """masakari refused it, or it expired: it is made anew when that may help."""
    DROPPED = "dropped"
    """Not to be told any more: somebody took it back. Earlier releases wrote this of `WITH_HOST`, too."""
    WITH_HOST = "told with its host"
    """Not to be told any more: masakari did not take it, and was told since that the whole host failed."""


class Step(StrEnum):
    """What moves it."""

    MADE = "made"
    TAKEN = "taken"
    NOT_TAKEN = "refused or expired"
    TAKEN_BACK = "taken back"
    HOST_FAILED = "the host was reported since"
    OVER = "over"
    """The instance is not dead any more, or nobody has to know of it."""


_ALL = tuple(Fate)

TABLE: Mapping[tuple[Fate, Step], Fate] = {
    **{(fate, Step.MADE): Fate.PENDING for fate in _ALL},
    **{(fate, Step.OVER): Fate.NONE for fate in _ALL},
    # The end of a report counts while that report is the one in question, and only once.
    **{
        (fate, step): fate
        for fate in _ALL
        for step in (Step.TAKEN, Step.NOT_TAKEN, Step.TAKEN_BACK, Step.HOST_FAILED)
    },
    (Fate.PENDING, Step.TAKEN): Fate.TAKEN,
    (Fate.PENDING, Step.NOT_TAKEN): Fate.NOT_TAKEN,
    (Fate.PENDING, Step.TAKEN_BACK): Fate.DROPPED,
    (Fate.NOT_TAKEN, Step.HOST_FAILED): Fate.WITH_HOST,
}
"""(fate, step) -> the next fate; whole."""


def move(fate: Fate, step: Step) -> Fate:
    """Where the report stands after `step`."""
    return TABLE[fate, step]
