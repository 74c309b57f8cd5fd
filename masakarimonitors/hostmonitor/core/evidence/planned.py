"""Planned work on one host, over restarts: which links show it, which showed it before, and for how long that holds.

Pure. A link that showed work before the monitor was started, and has not been read since, is not known to show none:
the work is *kept* until that link lists the host without it, or until `KEPT_FOR` has passed since that link was known
to show it, which is an alarm. And a link whose word is too old at the start is not known to show none either.
"""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.outside import moment
from masakarimonitors.hostmonitor.core.observation import Work

KEPT_FOR = 86400.0
"""Seconds after it was last known to stand for which work of before a restart holds, unless a link says more."""

NOTED_EACH = 3600.0
"""Seconds after which it is noted once more that work stands, or that a link was read, so that the age of either is
known after a restart."""

UNREAD_FOR = 3600.0
"""Seconds from the start for which a report is held because planned work was not read on some link, and no record of
this monitor says more, or only one that is too old. It is an alarm from the first moment; after that the failure counts
for more."""

UPGRADED_FOR = 300.0
"""The same where hosts are remembered from a release that kept no such record: it held nothing for it, and whoever
upgrades has seen the links a moment ago."""

MEMORY = "planned work"
"""`Remember` key: the links whose planned work was read, and when; what began there stands with each host."""


READ_FOR = 86400.0
"""Seconds for which a link's word that there is no work holds while no monitor reads it: one that was read longer ago
before the start counts as one that was never read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRecord:
    """Where the planned work on a host stands.

    `shown_by`: the links that show it, in this life; `kept`: those that showed it before the restart and have not been
    read since. `seen`: by link, the wall time at which it was last known to stand there; of none of them it says
    anything about another: each has an age of its own.
    """

    shown_by: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    seen: Mapping[str, datetime.datetime] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def stands(self) -> bool:
        """Whether there is work, as far as anybody knows."""
        return bool(self.shown_by or self.kept)

    def shown(self, links: tuple[str, ...], now: Instant) -> "WorkRecord":
        """As these links, and no others of those that were read, show it now; () where it has ended.

        One that showed it before may not have been looked at now: its age is what it was.
        """
        kept = tuple(link for link in self.kept if link not in links)
        seen = dict.fromkeys(links, now.wall) | self._seen(set(links).intersection(self.shown_by))
        return WorkRecord(shown_by=links, kept=kept, seen=seen | self._seen(kept))

    def without(self, *links: str) -> "WorkRecord":
        """These links list the host, and no work on it; or what was kept of them is void."""
        kept = tuple(link for link in self.kept if link not in links)
        return replace(self, kept=kept, seen=self._seen((*self.shown_by, *kept)))

    def noted(self, links: Collection[str], now: Instant) -> "WorkRecord":
        """By these links, which are seen, it is known to stand now; a clock that was set back has that noted anew."""
        due = [
            link
            for link in self.shown_by
            if link in links and not (link in self.seen and _is_lately(self.seen[link], now))
        ]
        return replace(self, seen={**self.seen, **dict.fromkeys(due, now.wall)}) if due else self

    def void_at(self, link: str, began: float, now: Instant) -> float:
        """The monotonic second from which what is kept of a link holds no more, of a monitor that began at that second.

        A clock that was set meanwhile makes it neither older than it may be nor younger than this life.
        """
        age = 0.0
        if link in self.seen:
            age = (now.wall - self.seen[link]).total_seconds() - (now.monotonic - began)
        return began + KEPT_FOR - min(max(age, 0.0), KEPT_FOR)

    def _seen(self, links: Collection[str]) -> dict[str, datetime.datetime]:
        return {link: at for link, at in self.seen.items() if link in links}


NO_WORK = WorkRecord()


def _is_lately(at: datetime.datetime, now: Instant) -> bool:
    return 0 <= (now.wall - at).total_seconds() < NOTED_EACH


def memo(work: Work, record: WorkRecord) -> JSON:
    """What must survive a restart. `seen` is for earlier releases, which knew of one time for all links."""
    times: dict[str, JSON] = {link: at.isoformat() for link, at in sorted(record.seen.items())}
    return {
        "kind": work.value,
        "links": [*sorted({*record.shown_by, *record.kept})],
        "seen": max(record.seen.values()).isoformat() if record.seen else None,
        "seen_by": times,
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
    kept = kept or tuple(sequence)
    return work, WorkRecord(kept=kept, seen=_times(words.get("seen_by"), kept, moment(words.get("seen"))))


def _times(
    words: JSON, links: Sequence[str], for_all: datetime.datetime | None = None
) -> dict[str, datetime.datetime]:
    """By link, as far as it can be understood; `for_all`: where one time was written for all of them."""
    if not isinstance(words, dict):
        return {} if for_all is None else dict.fromkeys(links, for_all)
    found = {link: moment(words.get(link)) for link in links}
    return {link: at for link, at in found.items() if at is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkReadings:
    """Which links' planned work was read, as far as this monitor knows and remembers.

    `noted`: by link, the wall time of the last reading, as it was noted; None: before that was noted. `unread`: those
    that were never read, or too long before the start. `unread_for`: for how many seconds from the start such a link
    holds a report.
    """

    noted: Mapping[str, datetime.datetime | None] = field(default_factory=lambda: MappingProxyType({}))
    unread: frozenset[str] = frozenset()
    unread_for: float = UNREAD_FOR

    def begun(self, now: Instant) -> "WorkReadings":
        """At the start: what was read too long ago counts no more, and what has no age yet has one from now on.

        A clock that stands before the last reading makes that no older than it is.
        """
        old = frozenset(
            link for link, at in self.noted.items() if at and (now.wall - at).total_seconds() >= READ_FOR
        )
        return replace(
            self,
            noted={link: now.wall if at is None else at for link, at in self.noted.items()},
            unread=self.unread | old,
        )

    def read(self, link: str, now: Instant) -> "WorkReadings":
        """A link was read whole."""
        at = self.noted.get(link)
        if at is not None and link not in self.unread and _is_lately(at, now):
            return self
        unread = self.unread - {link}
        # Once all is read, a release that kept no record is of the past.
        return WorkReadings(
            noted={**self.noted, link: now.wall},
            unread=unread,
            unread_for=self.unread_for if unread else UNREAD_FOR,
        )


def memo_read(readings: WorkReadings) -> Mapping[str, JSON]:
    """What must survive a restart of the links whose planned work was read, and for how long the others hold."""
    upgraded: Mapping[str, JSON] = {} if readings.unread_for == UNREAD_FOR else {"upgraded": True}
    times: dict[str, JSON] = {
        link: at.isoformat() for link, at in sorted(readings.noted.items()) if at is not None
    }
    return {"read": [*sorted(readings.noted)], "at": times, **upgraded}


def restore_read(words: Mapping[str, JSON] | None, sequence: Sequence[str], *, served: bool) -> WorkReadings:
    """The opposite of `memo_read`, as far as the record can be understood.

    `served`: a host is remembered as seen in service, for which a link had to be read whole; this release would have
    written a record then.
    """
    told = words.get("read") if words is not None else None
    read = [link for link in sequence if isinstance(told, list) and link in told]
    times = _times(words.get("at") if words is not None else None, read)
    upgraded = served if words is None else words.get("upgraded") is True
    return WorkReadings(
        noted={link: times.get(link) for link in read},
        unread=frozenset(sequence).difference(read),
        unread_for=UPGRADED_FOR if upgraded else UNREAD_FOR,
    )
