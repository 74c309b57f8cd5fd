"""What one monitor shows of itself: sources, subjects, verdicts, the outbox, faults.

In: calls from the daemon as things happen (`Record`). Out: `MonitorStatus`, from which the page, the
metrics and `masakari-monitors status` are drawn. Nothing here decides anything.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from masakarimonitors.core.decision import JSON, Instant, Verdict
from masakarimonitors.core.explained import Standings
from masakarimonitors.status.exposition import Counted
from masakarimonitors.status.health import Health, Kind, Shown, Unreported, View, health
from masakarimonitors.version import VERSION

# Verdicts kept for people to look at; older ones are in the log.
_VERDICTS = 200
_FAULTS = 20


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One watched thing and the state it is in; `alarm` asks for a human.

    `held`: why a failure of it is not told, or would not be seen, in a word of a closed set; empty if nothing is so.
    `harms`: what an alarm of it means for the monitor's own health, beside that.
    """

    subject: str
    state: str
    detail: str = ""
    alarm: bool = False
    _: KW_ONLY
    held: str = ""
    harms: Kind | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """How each subject is seen by each of several ways: `rows` have a word for each of the `columns`, in their order.

    All subjects are in it, also those that no row of their own shows, because nothing is to be said of them.
    """

    columns: Sequence[str]
    rows: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source and whether it runs; `seen` is the last fault, `failures` how often it had to be restarted."""

    name: str
    state: str
    seen: str
    since: Instant
    failures: int


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A report that waits for its turn at masakari's engine, and why."""

    subject: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStanding:
    """How the outbox is: as much of it as the monitor's health goes by, which is asked for every few seconds.

    `where`: the place where reports are kept, `folder`: which folder that is (DEVICE:INODE; empty: none, or not known),
    as its path may be another one outside of a container. `pending`: how many wait; `oldest`: the monotonic second at
    which the oldest of these was made. `keeps`: what is written outlives this process; `hangs`: the disk does not
    answer; `disk_fault`: why it takes nothing. `volatile`: why what is on disk does not outlive the host's next start,
    or the container; empty if it may. `unread`: what an earlier run has left that this one neither judges nor sends,
    and where it is. `api_trouble`: why masakari-api is out of reach, as last seen.
    """

    where: str
    pending: int
    disk_fault: str
    api_trouble: str
    folder: str = ""
    keeps: bool = True
    hangs: bool = False
    volatile: str = ""
    unread: str = ""
    oldest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow(OutboxStanding):
    """All that is shown of the outbox: how it is, what became of its reports, and what is in the way of others.

    `waiting`: those that wait for their turn at masakari's engine. `unfinished`: how many of ours and others' of the
    same host it has not ended with, as last seen; `overdue`: how many for longer than it needs. `delivered`: how
    many of those that masakari has stand where, in the words of the status. `api_asked`: whether masakari-api was ever
    asked anything. `ended`: how many ended since the start, by masakari's type of what they are about and how they
    ended; `delays`: the seconds from when those that masakari has were made until it had them.
    """

    counts: dict[str, int]
    waiting: Sequence[WaitingRow] = ()
    unfinished: int = 0
    overdue: int = 0
    delivered: Mapping[str, int] = field(default_factory=dict)
    api_asked: bool = True
    ended: Mapping[tuple[str, str], int] = field(default_factory=dict)
    delays: Counted | None = None


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """A verdict and when it was made. `source`: which source has seen what it was made of, and `seen`: what that was.

    `report`: the number of the report that was made with it.
    """

    at: Instant
    verdict: Verdict
    _: KW_ONLY
    source: str = ""
    seen: str = ""
    report: int | None = None


class Record:
    """What has happened in one monitor since it started: its sources, its verdicts, its faults."""

    def __init__(
        self,
        monitor: str,
        started: Instant,
        on_verdict: Callable[[Verdict, Instant], None] = lambda verdict, at: None,
        *,
        on_record: Callable[[VerdictRecord], None] = lambda record: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Empty; `on_verdict` is told each verdict as it is made, `on_record` with all that is known of it.

        `on_change`: called when its health may have become another one.
        """
        self.monitor = monitor
        self.started = started
        self.sources: dict[str, SourceRow] = {}
        self.verdicts: deque[VerdictRecord] = deque(maxlen=_VERDICTS)
        self.faults: deque[tuple[Instant, str]] = deque(maxlen=_FAULTS)
        self.defects: deque[tuple[Instant, str]] = deque(maxlen=_FAULTS)
        self.rulings: Counter[str] = Counter()
        self.fault_count = 0
        """Of all since the start; `faults` are the last of them."""
        self.left_out: dict[str, str] = {}
        """Monitors that were wanted in this process beside it and do not run, and why."""
        self.outdated: dict[str, str] = {}
        """Files of the operator of which what they said before is in force, as they were found broken, and why."""
        self.health: Health | None = None
        """As it was last judged."""
        self._on_verdict = on_verdict
        self._on_record = on_record
        self.changed = on_change
        """To be called by whoever has changed what the health goes by."""

    def verdict(
        self, verdict: Verdict, at: Instant, *, source: str = "", seen: str = "", report: int | None = None
    ) -> None:
        """A ruling has been made; see `VerdictRecord`."""
        self.rulings[verdict.ruling.value] += 1
        record = VerdictRecord(at, verdict, source=source, seen=seen, report=report)
        self.verdicts.append(record)
        self._on_verdict(verdict, at)
        self._on_record(record)

    def source(self, name: str, state: str, seen: str, at: Instant) -> None:
        """A source has started or failed."""
        before = self.sources.get(name)
        failures = (before.failures if before else 0) + (state == "failed")
        last = seen or (before.seen if before else "")
        self.sources[name] = SourceRow(name=name, state=state, seen=last, since=at, failures=failures)
        self.changed()

    def fault(self, text: str, at: Instant) -> None:
        """Something inside went wrong that people must know."""
        self.faults.append((at, text))
        self.fault_count += 1

    def defect(self, text: str, at: Instant) -> None:
        """This program itself has failed at something: a fault that nothing but a restart ends."""
        self.fault(text, at)
        self.defects.append((at, text))
        self.changed()


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """What one monitor shows: its record, and its subjects and its outbox as they are when asked.

    `delivered`: the reports that masakari has and was not seen to finish with, by subject, and where each stands.
    `views`: what its sources see, None where they do not tell. `unreported`: failures that masakari has not taken.
    """

    record: Record
    subjects: Callable[[], Sequence[SubjectRow]]
    outbox: Callable[[], OutboxRow]
    delivered: Callable[[], Sequence[SubjectRow]] = tuple
    _: KW_ONLY
    views: Callable[[Instant], Sequence[View] | None] = lambda now: ()
    unreported: Callable[[], Sequence[Unreported]] = tuple
    explain: Callable[[str, Instant, Sequence[SubjectRow]], dict[str, JSON] | None] = (
        lambda subject, now, rows: None
    )
    """How that subject stands now, as JSON, beside all that `delivered` shows; None where nothing is known of it."""
    whole: Callable[[Instant], Callable[[], dict[str, JSON]] | None] = lambda now: None
    """What writes down all that the monitor goes by at this moment, on a thread: that may take a second. None where it
    does not tell."""
    journal: Callable[[], dict[str, JSON]] = dict
    """Where the journal is kept, and how much of it was lost."""
    count: Callable[[Instant], Standings] = lambda now: {}
    """How many of what it watches stand where."""
    holds: Collection[str] = ()
    """Every reason for which a row may be held."""
    reports: Callable[[Instant], bool | None] = lambda now: None
    """Whether it is the one that reports, where one is elected; else None."""
    silences: Callable[[], Sequence[JSON]] = tuple
    """Each silence that holds now: its id, target, made, until, ends (by this host's clock), author and reason."""
    grid: Callable[[], Grid | None] = lambda: None
    """How each subject is seen by each way; None where there is one way alone."""
    fleet: Callable[[], dict[str, JSON] | None] = lambda: None
    """How the monitors of other hosts stand beside it; None where they tell it nothing."""
    shadow: Callable[[], dict[str, JSON]] | None = None
    """How what it would have told agrees with what others have told, where it is a shadow; None where it is none."""
    standing: Callable[[], OutboxStanding] | None = None
    """How the outbox is, with less work than `outbox`, which tells it as well; None where there is no other way."""

    def shown(self, now: Instant) -> Shown:
        """Everything by which its health is judged."""
        return Shown(
            at=now,
            sources=list(self.record.sources.values()),
            views=self.views(now),
            subjects=[*self.subjects(), *self.delivered()],
            outbox=(self.standing or self.outbox)(),
            unreported=self.unreported(),
            defects=list(self.record.defects),
            left_out=self.record.left_out,
            outdated=self.record.outdated,
            shadow=self.shadow is not None,
        )

    def health(self, now: Instant) -> Health:
        """How it is; a cause is known since it was first found by this."""
        self.record.health = judged = health(self.shown(now), self.record.health)
        return judged

    def answer(self, subjects: Sequence[str], now: Instant) -> dict[str, JSON]:
        """How each of these subjects stands at this moment, those that this monitor knows."""
        return {
            "monitor": self.record.monitor,
            "at": now.wall.isoformat(),
            "up_seconds": round(now.monotonic - self.record.started.monotonic, 1),
            "health": self.health(now).headline(),
            "folder": (self.standing or self.outbox)().folder,
            "journal": self.journal(),
            "explained": self.explained(subjects, now, self.delivered() if subjects else ()),
        }

    def explained(self, subjects: Sequence[str], now: Instant, rows: Sequence[SubjectRow]) -> list[JSON]:
        """Of each of these subjects that this monitor knows, how it stands; `rows`: all that `delivered` shows."""
        found = [told for subject in subjects if (told := self.explain(subject, now, rows)) is not None]
        return list(found) if self.shadow is None else [{**told, "shadow": True} for told in found]

    def snapshot(self, now: Instant) -> dict[str, JSON]:
        """Everything, as JSON; ages are in seconds."""
        record, outbox, fleet = self.record, self.outbox(), self.fleet()
        return {
            "monitor": record.monitor,
            "version": VERSION,
            "at": now.wall.isoformat(),
            "up_seconds": round(now.monotonic - record.started.monotonic, 1),
            **self.health(now).as_json(),
            "sources": [
                {
                    "name": s.name,
                    "state": s.state,
                    "last_fault": s.seen,
                    "since": s.since.wall.isoformat(),
                    "failures": s.failures,
                }
                for s in record.sources.values()
            ],
            "subjects": [_as_json(row) for row in self.subjects()],
            "delivered": [_as_json(row) for row in self.delivered()],
            "outbox": {
                "where": outbox.where,
                "folder": outbox.folder,
                "pending": outbox.pending,
                "counts": dict(outbox.counts),
                "disk_fault": outbox.disk_fault,
                "api_trouble": outbox.api_trouble,
                "keeps": outbox.keeps,
                "hangs": outbox.hangs,
                "volatile": outbox.volatile,
                "unread": outbox.unread,
                "waiting": [{"subject": one.subject, "why": one.why} for one in outbox.waiting],
                "unfinished": outbox.unfinished,
                "overdue": outbox.overdue,
                "delivered": dict(outbox.delivered),
            },
            "journal": self.journal(),
            "silences": list(self.silences()),
            "rulings": dict(record.rulings),
            "verdicts": [
                {
                    "at": one.at.wall.isoformat(),
                    "subject": one.verdict.subject,
                    "ruling": one.verdict.ruling.value,
                    "why": one.verdict.why,
                    "evidence": one.verdict.evidence,
                    "alarm": one.verdict.alarm,
                    "rule": one.verdict.rule,
                    "source": one.source,
                    "seen": one.seen,
                    "report": one.report,
                }
                for one in reversed(record.verdicts)
            ],
            "faults": [{"at": at.wall.isoformat(), "text": text} for at, text in record.faults],
            **({} if fleet is None else {"fleet": fleet}),
            **({"shadow": self.shadow()} if self.shadow is not None else {}),
        }


def as_of_state(describe: Callable[..., Sequence[SubjectRow]]) -> Callable[..., Sequence[SubjectRow]]:
    """`describe(state, *more)` as of its last answer while the very same state is described, with the same `more`.

    How a monitor is, is asked each second, and its hundreds of subjects hardly ever change.
    """
    last: tuple[object, tuple[object, ...], Sequence[SubjectRow]] | None = None

    def described(state: object, *more: object) -> Sequence[SubjectRow]:
        nonlocal last
        if last is None or last[0] is not state or last[1] != more:
            last = (state, more, describe(state, *more))
        return last[2]

    return described


def _as_json(row: SubjectRow) -> dict[str, JSON]:
    return {
        "subject": row.subject,
        "state": row.state,
        "detail": row.detail,
        "alarm": row.alarm,
        "held": row.held,
    }
