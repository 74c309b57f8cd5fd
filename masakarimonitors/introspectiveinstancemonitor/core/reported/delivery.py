"""Where the report of one probe stands on its way to masakari: one table, and what follows for the others of its guest.

Pure. A guest has as many lines of questioning as it has checks, and each may be reported. Its outage is one, though:
while one report waits, or masakari's engine may be at work on it, a second one would make it reset the guest again.
So at most one report of a guest waits at any time, and whoever withdraws what waits of it withdraws that one.
"""

import datetime
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

PATIENCE = datetime.timedelta(seconds=1200)
"""For so long masakari's engine may be at work on a report that it has. In wall time, as it is kept on disk."""


class Delivery(StrEnum):
    """How far the report of one probe has come."""

    NONE = "none"
    """There is none, or none any more."""
    WAITING = "waits to be delivered"
    """It can still be taken back."""
    DELIVERED = "delivered"
    """masakari has it."""
    NOT_TAKEN = "not taken"
    """masakari refused it, or it was too old to be delivered: it is made anew when that may help."""
    GIVEN_UP = "given up"
    """Not to be told any more: somebody dropped it, or masakari has recovered the whole host since. Also one of which
    nobody remembers when it was delivered."""


class Step(StrEnum):
    """What moves it."""

    MADE = "made"
    DELIVERED = "delivered"
    NOT_TAKEN = "refused or expired"
    GIVEN_UP = "given up"
    OFFERED_AGAIN = "offered again"
    """If its guest is still found dead."""
    TAKEN_BACK = "taken back"
    OVER = "over"
    """The outage of which it tells is over."""


TABLE: Mapping[tuple[Delivery, Step], Delivery] = MappingProxyType(
    {
        (Delivery.NONE, Step.MADE): Delivery.WAITING,
        (Delivery.NONE, Step.OVER): Delivery.NONE,
        (Delivery.WAITING, Step.DELIVERED): Delivery.DELIVERED,
        (Delivery.WAITING, Step.NOT_TAKEN): Delivery.NOT_TAKEN,
        (Delivery.WAITING, Step.GIVEN_UP): Delivery.GIVEN_UP,
        (Delivery.NOT_TAKEN, Step.OFFERED_AGAIN): Delivery.NONE,
        (Delivery.NOT_TAKEN, Step.GIVEN_UP): Delivery.GIVEN_UP,
        (Delivery.NOT_TAKEN, Step.OVER): Delivery.NONE,
        # What masakari has nobody can take back; of what it never got it is enough that it ends with its outage.
        (Delivery.WAITING, Step.TAKEN_BACK): Delivery.NONE,
        (Delivery.WAITING, Step.OVER): Delivery.NONE,
        (Delivery.DELIVERED, Step.OVER): Delivery.NONE,
        (Delivery.GIVEN_UP, Step.OVER): Delivery.NONE,
    }
)


class UnlistedStep(Exception):
    """A step that the table does not list; nothing was changed."""


def step(delivery: Delivery, how: Step) -> Delivery:
    """Where the report stands after `how`; raises `UnlistedStep` for what the table does not list."""
    try:
        return TABLE[delivery, how]
    except KeyError:
        raise UnlistedStep(f"a report that stands at {delivery.value} cannot be {how.value}") from None


def over(delivery: Delivery) -> Delivery:
    """Where the report stands when what it told of is over."""
    return step(delivery, Step.OVER)


def is_under_way(delivery: Delivery, delivered_at: datetime.datetime | None, now: datetime.datetime) -> bool:
    """Whether this report will still be acted upon: it waits, or masakari's engine may be at work on it.

    One "from the future" (the wall clock was set back) counts for as long as one from the past.
    """
    if delivery is not Delivery.DELIVERED or delivered_at is None:
        return delivery is Delivery.WAITING
    return abs(now - delivered_at) < PATIENCE
