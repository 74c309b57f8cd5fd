"""Planned work on one host, over restarts: which links show it, which showed it before, and for how long that holds.

Pure. A link that showed work before the monitor was started, and has not been read since, is not known to show none:
the work is *kept* until that link lists the host without it, or until `KEPT_FOR` has passed, which is an alarm.
"""

import datetime
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.hostmonitor.core.observation import Work

KEPT_FOR = 86400.0
"""Seconds after it was last known to stand for which work of before a restart holds, unless a link says more."""

NOTED_EACH = 3600.0
"""Seconds after which it is noted once more that work stands, so that its age is known after a restart."""

UNREAD_FOR = 3600.0
"""Seconds from the start for which a report is held because planned work was never read on some link, and no record of
this monitor says more. It is an alarm from the first moment; after that the failure counts for more."""

UPGRADED_FOR = 300.0
"""The same where hosts are remembered from a release that kept no such record: it held nothing for it, and whoever
upgrades has seen the links a moment ago."""

MEMORY = "planned work"
"""`Remember` key: the links whose planned work was read; what began there since then stands with each host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRecord:
    """Where the planned work on a host stands.

    `shown_by`: the links that show it, in this life; `kept`: those that showed it before the restart and have not been
    read since. `seen`: the wall time at which it was last known to stand (None: not known). `shown_until`: the
    monotonic second at which a link has last ceased, or begun, to show it in this life; it is not kept on disk.
    """

    shown_by: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    seen: datetime.datetime | None = None
    shown_until: float = -math.inf

    @property
    def stands(self) -> bool:
        """Whether there is work, as far as anybody knows."""
        return bool(self.shown_by or self.kept)

    def shown(self, links: tuple[str, ...], now: Instant) -> "WorkRecord":
        """As these links, and no others of those that were read, show it now; () where it has ended."""
        kept = tuple(link for link in self.kept if link not in links)
        until = now.monotonic if links or self.shown_by else self.shown_until
        return WorkRecord(shown_by=links, kept=kept, seen=now.wall if links else self.seen, shown_until=until)

    def without(self, link: str) -> "WorkRecord":
        """This link lists the host, and no work on it."""
        return replace(self, kept=tuple(other for other in self.kept if other != link))

    def noted(self, now: Instant) -> "WorkRecord":
        """It is known to stand now."""
        return replace(self, seen=now.wall)

    def is_noted(self, now: Instant) -> bool:
        """Whether that was written down lately; a clock that was set back has it written down anew."""
        return self.seen is not None and 0 <= (now.wall - self.seen).total_seconds() < NOTED_EACH

    def void_at(self, began: float, now: Instant) -> float:
        """The monotonic second from which what is kept holds no more, of a monitor that began at that second.

        A clock that was set meanwhile makes it neither older than it may be nor younger than this life. What a link has
        shown in this life was known to stand until then.
        """
        if self.shown_until >= began:
            return self.shown_until + KEPT_FOR
        age = 0.0
        if self.seen is not None:
            age = (now.wall - self.seen).total_seconds() - (now.monotonic - began)
        return began + KEPT_FOR - min(max(age, 0.0), KEPT_FOR)


NO_WORK = WorkRecord()


def memo(work: Work, record: WorkRecord) -> JSON:
    """What must survive a restart."""
    return {
        "kind": work.value,
        "links": [*sorted({*record.shown_by, *record.kept})],
        "seen": record.seen.isoformat() if record.seen is not None else None,
    }


def restore(words: JSON, sequence: Sequence[str]) -> tuple[Work, WorkRecord]:
    """The opposite of `memo`. What cannot be understood is not known to be no work: any link may show it."""
    try:
        assert isinstance(words, dict)
        work, links = Work(str(words["kind"])), words["links"]
        assert isinstance(links, list) and links and work is not Work.NONE
        kept = tuple(link for link in sequence if link in links)
        if not kept and all(isinstance(link, str) for link in links):
            return (
                Work.NONE,
                NO_WORK,
            )  # by links that the configuration has no more: nobody could ever say that it is over
    except (AssertionError, KeyError, ValueError):
        return Work.MAINTENANCE, WorkRecord(kept=tuple(sequence))
    return work, WorkRecord(kept=kept or tuple(sequence), seen=_moment(words.get("seen")))


def _moment(text: JSON) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def memo_read(read: Collection[str], unread_for: float = UNREAD_FOR) -> Mapping[str, JSON]:
    """What must survive a restart of the links whose planned work was read, and for how long the others hold."""
    upgraded: Mapping[str, JSON] = {} if unread_for == UNREAD_FOR else {"upgraded": True}
    return {"read": [*sorted(read)], **upgraded}


def restore_unread(words: Mapping[str, JSON] | None, sequence: Sequence[str]) -> frozenset[str]:
    """The links whose planned work this monitor has never read, as far as its record can be understood."""
    read = words.get("read") if words is not None else None
    return frozenset(link for link in sequence if not isinstance(read, list) or link not in read)


def unread_for(words: Mapping[str, JSON] | None, *, served: bool) -> float:
    """The seconds from the start for which a link that was never read holds a report.

    `served`: a host is remembered as seen in service, for which a link had to be read whole; this release would have
    written a record then.
    """
    upgraded = served if words is None else words.get("upgraded") is True
    return UPGRADED_FOR if upgraded else UNREAD_FOR
