"""Whatever happens in whatever order: no false accusation, no second report, no refilled budget."""

import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from masakarimonitors.decisions import Woken
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Away,
    Gone,
    Missed,
    NotKnown,
    Restarted,
    Roll,
    Seen,
    Standing,
    Void,
)
from tests.unit.introspectiveinstancemonitor.play import A, Play

LIMIT = 2


class OneGuest(RuleBasedStateMachine):
    """A model that counts for itself what the decision may know, and compares."""

    @initialize(threshold=st.integers(1, 4), io_check=st.booleans())
    def begin(self, threshold: int, io_check: bool) -> None:
        self.play = Play(threshold=threshold, io_check=io_check, reports_per_hour=LIMIT)
        self.life = 0
        self.here = False
        self.standing = Standing.RUNNING
        self.away = False
        self.was_healthy = False
        self.silent = 0
        self.open: int | None = None
        self.told = False
        self.reports: list[datetime.datetime] = []

    @property
    def running(self) -> bool:
        return self.standing is Standing.RUNNING

    def _stands(self, standing: Standing) -> None:
        if standing is not self.standing:
            self.silent, self.open = 0, None
        self.standing = standing

    @property
    def run_name(self) -> str:
        return f"life-{self.life}"

    def _check(self) -> None:
        """Every report must be justified by the model; every end of an outage must be withdrawn."""
        for _ in self.play.notified:
            assert self.here and self.running and not self.away
            assert self.was_healthy and self.silent >= self.play.policy.threshold
            assert not self.told, "reported twice in one outage"
            self.told = True
            now = self.play.now.wall
            assert sum(now - report < datetime.timedelta(hours=1) for report in self.reports) < LIMIT
            self.reports.append(now)

    def _over(self) -> None:
        """The outage ended: an undelivered report must be withdrawn."""
        if self.told:
            assert self.play.withdrawn
        self.told = False
        self.silent = 0
        self.open = None

    @rule(seconds=st.floats(0.1, 2000))
    def time_passes(self, seconds: float) -> None:
        self.play.after(seconds)

    @rule(standing=st.sampled_from(Standing))
    def seen(self, standing: Standing) -> None:
        self.play.hear(Seen(A, "a", self.run_name, standing))
        self.here = True
        self._stands(standing)

    @precondition(lambda self: self.here)
    @rule(new_life=st.booleans())
    def restarted(self, new_life: bool) -> None:
        self.life += new_life
        self.play.hear(Restarted(A, self.run_name, "started"))
        self._over()
        self.was_healthy, self.standing = False, Standing.RUNNING

    @precondition(lambda self: self.here)
    @rule(on_roll=st.booleans())
    def gone(self, on_roll: bool) -> None:
        self.play.hear(Roll(frozenset()) if on_roll else Gone(A, "stopped"))
        self.away = self.away and not on_roll
        self._over()
        self.here = self.was_healthy = False
        self.life += 1

    @rule()
    def libvirt_away(self) -> None:
        self.play.hear(Away("refused"))
        self.away, self.silent, self.open = True, 0, None

    @precondition(lambda self: self.away)
    @rule()
    def libvirt_back(self) -> None:
        self.play.hear(Roll(frozenset({A})))
        self.away = False

    @precondition(lambda self: self.here and not self.away)
    @rule()
    def answers(self) -> None:
        self.play.answers(run=self.run_name)
        self._over()
        self.was_healthy = True

    @precondition(lambda self: self.here)
    @rule(final=st.booleans())
    def misses(self, final: bool) -> None:
        self.play.misses(run=self.run_name, final=final)
        if self.running and not self.away:
            self.silent += 1
            self.open = None if final else self.play.question
        self._check()

    @precondition(lambda self: self.here)
    @rule(times=st.integers(1, 5), final=st.booleans())
    def stays_silent(self, times: int, final: bool) -> None:
        """The plain hang: without it, random words would hardly ever amount to a report."""
        for _ in range(times):
            self.play.after(10)
            self.misses(final)
            self.reads(0, 0, 0, Standing.RUNNING)

    @precondition(lambda self: self.here and not self.away)
    @rule(times=st.integers(1, 4))
    def recovers_and_hangs_again(self, times: int) -> None:
        """A machine that a reset does not help."""
        for _ in range(times):
            self.answers()
            self.stays_silent(self.play.policy.threshold + 1, True)

    @precondition(lambda self: self.here and self.open is not None)
    @rule(put=st.booleans())
    def the_call_returns(self, put: bool) -> None:
        assert self.open is not None
        if put:
            self.play.hear(Missed(A, self.run_name, HEARTBEAT, self.open, "unresponsive", final=True))
        else:
            self.play.hear(Void(A, self.run_name, HEARTBEAT, self.open, "not put"))
            self.silent -= not self.away and self.silent > 0
        self.open = None
        self._check()

    @precondition(lambda self: self.here)
    @rule(
        cpu=st.integers(0, 3),
        requests=st.none() | st.integers(0, 3),
        ran=st.integers(0, 10**11),
        standing=st.sampled_from([Standing.RUNNING, Standing.RUNNING, Standing.PAUSED]),
    )
    def reads(self, cpu: int, requests: int | None, ran: int, standing: Standing) -> None:
        self.play.reads(run=self.run_name, cpu=cpu, requests=requests, ran=ran, standing=standing)
        if not self.away and not (self.standing is Standing.AGENT_CLOSED and standing is Standing.RUNNING):
            self._stands(standing)
        self._check()

    @precondition(lambda self: self.here)
    @rule()
    def cannot_tell(self) -> None:
        self.play.hear(NotKnown(A, self.run_name, "no answer"))
        self._check()

    @rule()
    def woken(self) -> None:
        self.play.hear(Woken(f"look:{A}"))
        self._check()

    @rule(anew=st.booleans())
    def the_monitor_restarts(self, anew: bool) -> None:
        """Only what is on disk survives; the machine may have been started anew meanwhile."""
        self.play.restart_monitor()
        self.life += anew
        was_told = self.told
        self.silent, self.open, self.away, self.standing = 0, None, False, Standing.RUNNING
        if anew or not self.here:
            self.was_healthy = False
        self.play.hear(Seen(A, "a", self.run_name, Standing.RUNNING))
        if anew and was_told:
            assert self.play.withdrawn
        self.told = was_told and not anew
        self.here = True

    @invariant()
    def what_is_reported_stands_reported(self) -> None:
        guest = self.play.state.guests.get(A)
        assert self.told == (guest is not None and guest.heartbeat.phase is Phase.REPORTED)


TestOneGuest = OneGuest.TestCase
TestOneGuest.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
