"""A row of the outbox: one notification and what became of it.

Rows are frozen; every step of a delivery makes a new one, which the store writes over the old one
by its id. A row is written before anything else happens to its notification.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.decisions import JSON, Instant
from masakarimonitors.notifications import Notification, to_wire


class Status(StrEnum):
    """What became of a notification; only PENDING is still offered to the API."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Row:
    """One notification on its way.

    `body` is the wire form as JSON text. `in_doubt` says that the API may already have accepted this
    very row (it was offered, and no definite "no" came back), so a "duplicate" answer means delivered.
    `reoffered` says that a duplicate answer has been overcome once with a fresh generated_time.
    """

    id: int
    subject: str
    body: str
    why: str
    created: datetime.datetime
    status: Status = Status.PENDING
    attempts: int = 0
    in_doubt: bool = False
    reoffered: bool = False
    answer: str = ""
    updated: datetime.datetime | None = None

    @classmethod
    def new(cls, row_id: int, notification: Notification, why: str, now: Instant) -> "Row":
        """A row that has never been offered."""
        body = json.dumps(to_wire(notification), separators=(",", ":"))
        return cls(row_id, notification.subject, body, why, now.wall, updated=now.wall)

    def restamped(self, now: Instant) -> "Row":
        """The same failure, told with the present moment as its generated_time."""
        wire = json.loads(self.body)
        stamp = now.wall.astimezone(datetime.UTC).replace(tzinfo=None)
        wire["notification"]["generated_time"] = stamp.isoformat(timespec="microseconds")
        return replace(self, body=json.dumps(wire, separators=(",", ":")), in_doubt=False, reoffered=True)


@dataclass(frozen=True, slots=True)
class Put:
    """Write this row over whatever stands under its id; `durable` asks for a sync to the disk."""

    row: Row
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep or forget (None) what a decision wants to know at the next start."""

    key: str
    value: Mapping[str, JSON] | None
    durable: bool = True


Write = Put | Keep


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a store held when it was opened."""

    pending: tuple[Row, ...]
    memory: Mapping[str, Mapping[str, JSON]]
    next_id: int
