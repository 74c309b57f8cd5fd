"""A row of the outbox: one notification and what became of it.

Rows are frozen; every step of a delivery makes a new one, which the store writes over the old one
by its id. A row is written before anything else happens to its notification.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.notification import (
    HostEvent,
    HostNotification,
    Notification,
    ProcessNotification,
    ReportStatus,
    VmNotification,
    from_wire,
    to_wire,
)

ENGINE_SAYS = "; the engine: "
"""What stands between masakari-api's answer to a report and what became of it then."""

_UNSEEN = "unseen:"
"""What stands before the row's number in the place of masakari's uuid of it, where masakari cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One notification on its way.

    `body` is the wire form as JSON text, and `notification` what it says; None when a file holds a body
    that says nothing known, which is still offered as it stands. `in_doubt` says that the API may already
    have accepted this very row (it was offered, and no definite "no" came back), so a "duplicate" answer
    means delivered, unless masakari says that it does not have it. `made_at` is the generated_time with which
    the decision made it; `reoffered` says that it is told with a fresh one since, because an older report
    hid it. `since`: an equal report that was generated since then, by whomever, tells of the same failure; it is not on
    disk, and after a restart `made_at` counts. `followed` is masakari's uuid of it while its engine is not known to
    have ended with it, and somebody wants to know; else empty. `monotonic`: the second of this process's clock at which
    it was made; for one of an earlier run as far as the wall clock told at the start. It is not on disk.
    """

    id: int
    subject: str
    body: str
    # What the body says; two rows with the same body are the same.
    notification: Notification | None = field(compare=False)
    why: str
    created: datetime.datetime
    made_at: datetime.datetime
    status: ReportStatus = ReportStatus.PENDING
    attempts: int = 0
    in_doubt: bool = False
    reoffered: bool = False
    since: datetime.datetime | None = None
    answer: str = ""
    updated: datetime.datetime | None = None
    followed: str = ""
    monotonic: float = field(default=0.0, compare=False)

    @classmethod
    def new(cls, row_id: int, notification: Notification, why: str, now: Instant) -> "Row":
        """A row that has never been offered."""
        return cls(
            id=row_id,
            subject=notification.subject,
            body=json.dumps(to_wire(notification), separators=(",", ":")),
            notification=notification,
            why=why,
            created=now.wall,
            made_at=notification.generated_time,
            updated=now.wall,
            monotonic=now.monotonic,
        )

    def adopted(self, now: Instant) -> "Row":
        """As this process counts its age; one that says to be of the future was made now, as far as anybody knows."""
        age = max(0.0, (now.wall - self.created).total_seconds())
        return replace(self, monotonic=now.monotonic - age)

    @property
    def is_death(self) -> bool:
        """Whether it says that an instance is dead."""
        return isinstance(self.notification, VmNotification) and self.notification.is_death

    @property
    def rank(self) -> int:
        """Which of its subject's rows go first, from 0 on: a death, what the engine acts on, what it only files."""
        if self.is_death:
            return 0
        return 2 if self.is_filed else 1

    @property
    def is_filed(self) -> bool:
        """Whether it is a word about an instance on which masakari's engine does not act."""
        return isinstance(self.notification, VmNotification) and not self.notification.is_acted_on

    @property
    def is_acted_on(self) -> bool:
        """Whether masakari's engine is to recover something because of it, so that what becomes of it is followed."""
        return self.notification is not None and self.notification.is_acted_on

    @property
    def says_back(self) -> bool:
        """Whether it says that a host or a process is there again."""
        told = self.notification
        return isinstance(told, HostNotification | ProcessNotification) and told.event is HostEvent.STARTED

    @property
    def as_made(self) -> Notification | None:
        """What it says, with the time at which it was made, whenever it is offered."""
        return None if self.notification is None else replace(self.notification, generated_time=self.made_at)

    @property
    def unseen(self) -> str:
        """What it is followed by where masakari may have it, and cannot be asked whether it does."""
        return f"{_UNSEEN}{self.id}"

    @property
    def is_unseen(self) -> bool:
        """Whether it is followed so."""
        return self.followed.startswith(_UNSEEN)

    def repeats(self, other: Notification) -> bool:
        """Whether it is the very report that `other` is, with whatever time it is offered by now."""
        return self.says_as_much(other) and self.made_at == other.generated_time

    def says_as_much(self, other: Notification) -> bool:
        """Whether it says of its subject what `other` says of the same, whenever either was made."""
        said = self.notification
        return (
            said is not None
            and (self.subject, said.hostname) == (other.subject, other.hostname)
            and said.payload == other.payload
        )

    def restamped(self, now: Instant) -> "Row":
        """The same failure, told with the present moment as its generated_time."""
        wire = json.loads(self.body)
        stamp = now.wall.astimezone(datetime.UTC).replace(tzinfo=None)
        wire["notification"]["generated_time"] = stamp.isoformat(timespec="microseconds")
        body = json.dumps(wire, separators=(",", ":"))
        return replace(self, body=body, notification=said_by(body), in_doubt=False, reoffered=True)


def said_by(body: str) -> Notification | None:
    """The notification that a row's body says; None when it says none that is known."""
    try:
        return from_wire(json.loads(body))
    except (ValueError, RecursionError):
        return None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a store held when it was opened; `followed`: ended rows that are still followed.

    `unreadable`: for people, one sentence for each thing that makes no sense.
    """

    pending: tuple[Row, ...]
    memory: Mapping[str, Mapping[str, JSON]]
    next_id: int
    followed: tuple[Row, ...] = ()
    unreadable: tuple[str, ...] = ()
