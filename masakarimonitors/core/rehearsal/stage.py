"""The decision of a monitor on a made-up clock: what it is shown, when it is woken, and what it then wants done.

Pure. In: the decision, a state, and what happens when; a world that answers questions after a while. Out: the reports
that it would have made, those that it would have taken back, and its verdicts, each with its second. Nothing is sent,
asked or written down anywhere.
"""

import datetime
import heapq
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from masakarimonitors.core.decision import (
    Command,
    Decision,
    Instant,
    Notify,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)

MOST = 500_000
"""Decisions after which a play is ended, whatever is still to come: a fault of a core must not play for ever."""

S = TypeVar("S")

Happens = Callable[[Instant], Any]
"""What is seen at a moment; None: nothing after all."""
Answers = Callable[[Command, Instant], Iterable[tuple[float, Happens]]]
"""What a command that is given now brings about, each so many seconds later."""


def _unanswered(command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
    return ()


@dataclass(frozen=True, slots=True)
class Made:
    """A report that would have been made, so many seconds after the play began."""

    at: float
    notify: Notify


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What would have been taken back of a subject, if masakari did not have it yet."""

    at: float
    withdraw: Withdraw


@dataclass(frozen=True, slots=True)
class Ruled:
    """A verdict and its second."""

    at: float
    verdict: Verdict


@dataclass(slots=True, kw_only=True)
class Seen:
    """All that has come of it, in order. `defects`: decisions that failed, which is a fault of this program."""

    reports: list[Made] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    told: list[Ruled] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    decisions: int = 0


class Stage(Generic[S]):
    """One play; `state` is where the decision stands, `seen` what has come of it so far."""

    def __init__(
        self,
        decide: Callable[[S, Any, Instant], tuple[S, Decision]],
        state: S,
        begin: Instant,
        *,
        answers: Answers = _unanswered,
        on_moment: Callable[[float, S], None] = lambda at, state: None,
    ) -> None:
        """`on_moment` is told the second and the state whenever nothing more happens at that second."""
        self._decide = decide
        self.state = state
        self._begin = begin
        self._answers = answers
        self._on_moment = on_moment
        self._at = 0.0
        self._count = itertools.count()
        self._coming: list[tuple[float, int, Happens]] = []
        self._alarms: dict[str, float] = {}
        self.seen = Seen()

    @property
    def at(self) -> float:
        """Seconds since the play began."""
        return self._at

    @property
    def now(self) -> Instant:
        """This moment by both clocks."""
        return self.instant(self._at)

    def instant(self, at: float) -> Instant:
        """That second by both clocks."""
        begin = self._begin
        return Instant(begin.monotonic + at, begin.wall + datetime.timedelta(seconds=at))

    def set_clock(self, wall: datetime.datetime) -> None:
        """From now on the wall clock shows this at this second; the other clock goes on."""
        self._begin = Instant(self._begin.monotonic, wall - datetime.timedelta(seconds=self._at))

    def later(self, seconds: float, happens: Happens) -> None:
        """So many seconds from now this is seen; after all that was said before for the same second."""
        heapq.heappush(self._coming, (self._at + seconds, next(self._count), happens))

    def wake(self, key: str, monotonic: float) -> None:
        """An alarm that was set before the play began."""
        self._alarms[key] = max(self._at, monotonic - self._begin.monotonic)

    def play(self, seconds: float) -> bool:
        """Let so many seconds pass; whether all of them did, which a play without end does not."""
        end = self._at + seconds
        while True:
            coming = self._coming[0][0] if self._coming else float("inf")
            key, alarm = min(self._alarms.items(), key=lambda one: one[1], default=("", float("inf")))
            if min(coming, alarm) > end:
                break
            if self.seen.decisions >= MOST:
                return False
            at = max(self._at, min(coming, alarm))
            if at > self._at:
                self._on_moment(self._at, self.state)
            self._at = at
            if coming <= alarm:
                observation = heapq.heappop(self._coming)[2](self.now)
                if observation is not None:
                    self.show(observation)
            else:
                del self._alarms[key]
                self.show(Woken(key))
        self._on_moment(self._at, self.state)
        self._at = end
        return True

    def show(self, observation: Any) -> None:
        """One observation, now."""
        self.seen.decisions += 1
        try:
            self.state, decision = self._decide(self.state, observation, self.now)
        except Exception as error:  # noqa: BLE001 - as the daemon: a bug in a decision leaves the state as it was
            self.seen.defects.append(f"a decision failed at {self._at:.1f} s: {error!r}")
            return
        for command in decision.commands:
            match command:
                case WakeAt(key, None):
                    self._alarms.pop(key, None)
                case WakeAt(key, at) if at is not None:
                    self.wake(key, at)
                case Notify():
                    self.seen.reports.append(Made(self._at, command))
                case Withdraw():
                    self.seen.taken_back.append(TakenBack(self._at, command))
            for seconds, happens in self._answers(command, self.now):
                self.later(seconds, happens)
        self.seen.told += [Ruled(self._at, verdict) for verdict in decision.verdicts]
