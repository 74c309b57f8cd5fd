"""What one monitor shows of itself: sources, subjects, verdicts, the outbox, faults.

In: calls from the daemon as things happen. Out: a `Snapshot`, from which the page, the metrics and
`masakari-monitors status` are drawn. Nothing here decides anything.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from masakarimonitors.decisions import JSON, Instant, Verdict

# Verdicts kept for people to look at; older ones are in the log.
_VERDICTS = 200
_FAULTS = 20


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One watched thing and the state it is in; `alarm` asks for a human."""

    subject: str
    state: str
    detail: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source and whether it runs; `seen` is the last fault, `failures` how often it had to be restarted."""

    name: str
    state: str
    seen: str
    since: Instant
    failures: int


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Where reports are kept, how many wait, what became of the others, and what is in the way."""

    where: str
    pending: int
    counts: dict[str, int]
    disk_fault: str
    api_trouble: str


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict and when it was made."""

    at: Instant
    verdict: Verdict


class Board:
    """The notice board of one monitor."""

    def __init__(self, monitor: str, started: Instant) -> None:
        """An empty board; `subjects` and `outbox` are set by those who know."""
        self.monitor = monitor
        self.started = started
        self.subjects: Callable[[], Sequence[SubjectRow]] = lambda: ()
        self.outbox: Callable[[], OutboxRow] = lambda: OutboxRow("", 0, {}, "", "")
        self.sources: dict[str, SourceRow] = {}
        self.verdicts: deque[Told] = deque(maxlen=_VERDICTS)
        self.faults: deque[tuple[Instant, str]] = deque(maxlen=_FAULTS)
        self.rulings: Counter[str] = Counter()
        self.on_verdict: Callable[[Verdict, Instant], None] = lambda verdict, at: None

    def verdict(self, verdict: Verdict, at: Instant) -> None:
        """A ruling has been made."""
        self.rulings[verdict.ruling.value] += 1
        self.verdicts.append(Told(at, verdict))
        self.on_verdict(verdict, at)

    def source(self, name: str, state: str, seen: str, at: Instant) -> None:
        """A source has started or failed."""
        before = self.sources.get(name)
        failures = (before.failures if before else 0) + (state == "failed")
        self.sources[name] = SourceRow(name, state, seen or (before.seen if before else ""), at, failures)

    def fault(self, text: str, at: Instant) -> None:
        """Something inside went wrong that people must know."""
        self.faults.append((at, text))

    def snapshot(self, now: Instant) -> dict[str, JSON]:
        """Everything, as JSON; ages are in seconds."""
        outbox = self.outbox()
        return {
            "monitor": self.monitor,
            "at": now.wall.isoformat(),
            "up_seconds": round(now.monotonic - self.started.monotonic, 1),
            "sources": [
                {
                    "name": s.name,
                    "state": s.state,
                    "last_fault": s.seen,
                    "since": s.since.wall.isoformat(),
                    "failures": s.failures,
                }
                for s in self.sources.values()
            ],
            "subjects": [
                {"subject": r.subject, "state": r.state, "detail": r.detail, "alarm": r.alarm}
                for r in self.subjects()
            ],
            "outbox": {
                "where": outbox.where,
                "pending": outbox.pending,
                "counts": dict(outbox.counts),
                "disk_fault": outbox.disk_fault,
                "api_trouble": outbox.api_trouble,
            },
            "rulings": dict(self.rulings),
            "verdicts": [
                {
                    "at": told.at.wall.isoformat(),
                    "subject": told.verdict.subject,
                    "ruling": told.verdict.ruling.value,
                    "why": told.verdict.why,
                    "evidence": told.verdict.evidence,
                    "alarm": told.verdict.alarm,
                }
                for told in reversed(self.verdicts)
            ],
            "faults": [{"at": at.wall.isoformat(), "text": text} for at, text in self.faults],
        }
