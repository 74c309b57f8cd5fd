"""A monitor whose reports can be silenced though its own decision knows of no silences: those of this host's subjects.

In: a monitor. Out: the same one, with a book of silences beside its state. It sees, judges and acts as before; a report
that it makes waits on disk while its subject is silenced, is taken back when that recovers, and leaves when the silence
is over and its monitor still stands by it, which is asked in that moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

from masakarimonitors.core.decision import Decision, Instant, WakeAt, Woken
from masakarimonitors.core.explained import Explained, GateSeen, Passage, Standing, in_order
from masakarimonitors.core.notification import Leave, Notification
from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import LONGEST, MEMORY, Book, Kept, SilencesSeen, Step, restore
from masakarimonitors.core.silences.silence import INSTANCE, PROCESS, Silence
from masakarimonitors.core.unconfirmed import Unconfirmed, Word
from masakarimonitors.monitor import Memory, Monitor, O, S
from masakarimonitors.silencing.desk import SilenceDesk
from masakarimonitors.status.health import Kind, View
from masakarimonitors.status.model import SubjectRow
from masakarimonitors.system.clock import Clock

ALARM = "silences"
"""The wake-up at the end of the next silence."""

OF_MONITOR: Mapping[str, str] = {
    "processmonitor": PROCESS,
    "instancemonitor": INSTANCE,
    "introspectiveinstancemonitor": INSTANCE,
}
"""What the targets of each such monitor begin with."""

_ALONE = "It is of this host alone."


@dataclass(frozen=True, slots=True)
class Silenced(Generic[S]):
    """The monitor's own state, the silences, and when the next of them is over (None: no wake-up is set)."""

    inner: S
    book: Book
    wake_at: float | None = None


def without(memory: Memory) -> Memory:
    """What is remembered but for the silences."""
    return {key: value for key, value in memory.items() if not key.startswith(MEMORY)}


def silenced(
    monitor: Monitor[S, O], memory: Memory, clock: Clock, longest: float = LONGEST, *, boot: str = ""
) -> Monitor[Any, Any]:
    """The monitor with silences; those of its last life stand in `memory`. `longest`: seconds of one. `boot`: names
    this boot of the host, or is empty."""
    book = restore(memory, longest, boot=boot)
    known = [kept.silence for kept in book.kept.values()]
    kinds = [OF_MONITOR[monitor.name]]
    desk = SilenceDesk(clock, kinds=kinds, known=known, longest=longest, alone=_ALONE)
    inner = _Inside(monitor)
    same: Any = monitor  # what is not replaced knows no state: a test asks each of the others
    return replace(
        same,
        state=Silenced(monitor.state, book),
        within=lambda state: monitor.within(state.inner),
        decide=inner.decide,
        sources=[*monitor.sources, desk],
        judge_unconfirmed=inner.judge_unconfirmed,
        is_well=lambda state, subject: monitor.is_well(state.inner, subject),
        may_offer=inner.may_offer,
        awaits_ends=lambda state: monitor.awaits_ends(state.inner),
        at_end=lambda state: monitor.at_end(state.inner),
        describe=inner.describe,
        grid=lambda state: monitor.grid(state.inner),
        fleet=lambda state: monitor.fleet(state.inner),
        explain=inner.explain,
        count=lambda state, now: monitor.count(state.inner, now),
        reports=lambda state, now: monitor.reports(state.inner, now),
        views=inner.views if monitor.views is not None else None,
        silences=lambda state: state.book,
        silence=desk.ask,
    )


class _Inside(Generic[S, O]):
    """The functions of a monitor, each of the state within."""

    def __init__(self, monitor: Monitor[S, O]) -> None:
        self._monitor = monitor

    def decide(
        self, state: Silenced[S], observation: O | SilencesSeen | Woken, now: Instant
    ) -> tuple[Silenced[S], Decision]:
        """Time first, so that what is over holds nothing; then what was seen."""
        steps = [state.book.pass_time(now)]
        own: Decision | None = None
        inner = state.inner
        if isinstance(observation, SilencesSeen):
            steps.append(steps[0].book.hear(observation.silences, now))
        elif not (isinstance(observation, Woken) and observation.key == ALARM):
            inner, own = self._monitor.decide(inner, observation, now)
        told = self._said(inner, steps)
        book = steps[-1].book
        due = min(book.times(now), default=None)
        # One that has gone off is not set any more.
        set_ = state.wake_at if state.wake_at is not None and state.wake_at > now.monotonic else None
        if due != set_:
            told += Decision((WakeAt(ALARM, due),))
        if inner is not state.inner or book is not state.book or due != state.wake_at:
            state = Silenced(inner, book, due)
        return state, told if own is None else own + told

    def _said(self, inner: S, steps: Sequence[Step]) -> Decision:
        told = Decision()
        for step in steps:
            verdicts = telling.verdicts(step, lambda silence: self._failing(inner, silence))
            told += Decision(step.commands, verdicts)
        return told

    def _failing(self, inner: S, silence: Silence) -> Sequence[str]:
        """As the status shows them: whatever of these is an alarm."""
        return [
            row.subject for row in self._monitor.describe(inner) if row.alarm and silence.covers(row.subject)
        ]

    def judge_unconfirmed(self, state: Silenced[S], report: Unconfirmed, now: Instant) -> Word:
        return self._monitor.judge_unconfirmed(state.inner, report, now)

    def may_offer(self, state: Silenced[S], told: Notification, now: Instant) -> Leave:
        """What is no longer its monitor's goes at once; all else waits while it is silenced."""
        leave = self._monitor.may_offer(state.inner, told, now)
        if leave is Leave.NEVER or state.book.over(told.subject, now) is None:
            return leave
        return Leave.SILENCED

    def describe(self, state: Silenced[S]) -> Sequence[SubjectRow]:
        """The silences first, then what the monitor shows."""
        rows = self._monitor.describe(state.inner)
        held = [self._row(kept, rows) for kept in state.book.holding]
        return [*held, *rows] if held else rows

    def _row(self, kept: Kept, rows: Sequence[SubjectRow]) -> SubjectRow:
        count = len({row.subject for row in rows if kept.silence.covers(row.subject)})
        what = {0: "none that is known here", 1: "one that is known here"}.get(count, f"{count} known here")
        return SubjectRow(*telling.row(kept, what), alarm=True, harms=Kind.SILENCED)

    def explain(self, state: Silenced[S], subject: str, now: Instant) -> Explained | None:
        """As the monitor does, with one gate more."""
        told = self._monitor.explain(state.inner, subject, now)
        if told is None:
            return telling.explained(state.book, subject)
        kept = state.book.over(told.subject, now)
        if kept is None:
            return replace(told, gates=[*told.gates, GateSeen(name=telling.GATE, passage=Passage.PASSED)])
        why = telling.holds(kept)
        gate = GateSeen(
            name=telling.GATE,
            passage=Passage.HOLDS,
            reason="silenced",
            why=why,
            release=telling.RELEASE.replace("`", ""),
            since=kept.silence.made,
            until=kept.end.wall,
        )
        told = replace(told, gates=in_order([*told.gates, gate]))
        off = told.standing in (Standing.WELL, Standing.WAITING)
        if not off:
            return told
        standing = Standing.OFF if told.standing is Standing.WELL else Standing.HELD
        return replace(told, standing=standing, why=why)

    def views(self, state: Silenced[S], now: Instant) -> Sequence[View]:
        assert self._monitor.views is not None
        return self._monitor.views(state.inner, now)
