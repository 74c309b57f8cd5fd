"""Whatever happens in whatever order: no false accusation, no second report, no report beyond the limit."""

import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from masakarimonitors.core.decision import Woken
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Availability,
    Census,
    GuestGone,
    GuestRestarted,
    GuestSeen,
    Inconclusive,
    LibvirtAway,
    Missed,
    NotKnown,
)
from tests.fixtures.guest_play import A, Play

LIMIT = 2


class OneGuest(RuleBasedStateMachine):
    """A model that counts for itself what the decision may know, and compares."""

    @initialize(threshold=st.integers(1, 4), io_check=st.booleans())
    def begin(self, threshold: int, io_check: bool) -> None:
        self.play = Play(threshold=threshold, io_check=io_check, reports_per_hour=LIMIT)
        self.life, self.born = 0, 1
        self.here = False
        self.availability = Availability.RUNNING
        self.away = False
        self.was_healthy = False
        self.silent = 0
        self.open: int | None = None
        self.told = False
        self.reports: list[datetime.datetime] = []

    @property
    def running(self) -> bool:
        return self.availability is Availability.RUNNING

    def _becomes(self, availability: Availability) -> None:
        if availability is not self.availability:
            self.silent, self.open = 0, None
        self.availability = availability

    @property
    def run_name(self) -> str:
        return f"life-{self.life}"

    def _is_seen(self, availability: Availability) -> None:
        self.play.feed(
            GuestSeen(uuid=A, name="a", run=self.run_name, availability=availability, born=self.born)
        )

    def _begins_anew(self, *, same_number: bool) -> None:
        """libvirtd counts on, or it was started anew and gives the number of the life before once more."""
        self.life += not same_number
        self.born += 1

    def _check(self) -> None:
        """Every report must be justified by the model; every end of an outage must be withdrawn."""
        for _ in self.play.notified:
            assert self.here and self.running and not self.away
            assert self.was_healthy and self.silent >= self.play.policy.threshold
            assert self.open is None, "the last call has not ended"
            assert not self.told, "reported twice in one outage"
            self.told = True
            now = self.play.now.wall
            assert sum(now - report < datetime.timedelta(hours=1) for report in self.reports) < LIMIT
            self.reports.append(now)
            # masakari takes each at once: what becomes of those that wait is played elsewhere.
            self.play.settled()

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

    @rule(availability=st.sampled_from(Availability))
    def seen(self, availability: Availability) -> None:
        self._is_seen(availability)
        self.here = True
        self._becomes(availability)

    @precondition(lambda self: self.here)
    @rule(new_life=st.booleans())
    def restarted(self, new_life: bool) -> None:
        if new_life:
            self._begins_anew(same_number=False)
        self.play.feed(GuestRestarted(A, self.run_name, "started", self.born))
        self._over()
        self.was_healthy, self.availability = False, Availability.RUNNING

    @precondition(lambda self: self.here)
    @rule(by_census=st.booleans())
    def gone(self, by_census: bool) -> None:
        self.play.feed(Census(frozenset()) if by_census else GuestGone(A, "stopped"))
        self.away = self.away and not by_census
        self._over()
        self.here = self.was_healthy = False
        self._begins_anew(same_number=False)

    @rule()
    def libvirt_away(self) -> None:
        self.play.feed(LibvirtAway("refused"))
        self.away, self.silent, self.open = True, 0, None

    @precondition(lambda self: self.away)
    @rule()
    def libvirt_back(self) -> None:
        self.play.feed(Census(frozenset({A})))
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
            self.silent += final
            self.open = None if final else self.play.question
        self._check()

    @precondition(lambda self: self.here)
    @rule(times=st.integers(1, 5), final=st.booleans())
    def stays_silent(self, times: int, final: bool) -> None:
        """The plain hang: without it, random words would hardly ever amount to a report."""
        for _ in range(times):
            self.play.after(10)
            self.misses(final)
            self.reads(0, 0, 0, Availability.RUNNING)

    @precondition(lambda self: self.here and not self.away)
    @rule(times=st.integers(1, 4))
    def recovers_and_hangs_again(self, times: int) -> None:
        """A guest that a reset does not help."""
        for _ in range(times):
            self.answers()
            self.stays_silent(self.play.policy.threshold + 1, True)

    @precondition(lambda self: self.here and self.open is not None)
    @rule(put=st.booleans())
    def the_call_returns(self, put: bool) -> None:
        assert self.open is not None
        if put:
            self.play.feed(
                Missed(
                    uuid=A,
                    run=self.run_name,
                    probe=HEARTBEAT,
                    in_reply_to=self.open,
                    evidence="unresponsive",
                    final=True,
                )
            )
            self.silent += self.running and not self.away
        else:
            self.play.feed(
                Inconclusive(uuid=A, run=self.run_name, probe=HEARTBEAT, in_reply_to=self.open, why="not put")
            )
        self.open = None
        self._check()

    @precondition(lambda self: self.here)
    @rule(
        cpu=st.integers(0, 3),
        requests=st.none() | st.integers(0, 3),
        ran=st.integers(0, 10**11),
        availability=st.sampled_from([Availability.RUNNING, Availability.RUNNING, Availability.PAUSED]),
    )
    def reads(self, cpu: int, requests: int | None, ran: int, availability: Availability) -> None:
        self.play.reads(run=self.run_name, cpu=cpu, requests=requests, ran=ran, availability=availability)
        if not self.away and not (
            self.availability is Availability.AGENT_CLOSED and availability is Availability.RUNNING
        ):
            self._becomes(availability)
        self._check()

    @precondition(lambda self: self.here)
    @rule()
    def cannot_tell(self) -> None:
        self.play.feed(NotKnown(A, self.run_name, "no answer"))
        self._check()

    @rule()
    def woken(self) -> None:
        self.play.feed(Woken(f"counters:{A}"))
        self._check()

    @rule(anew=st.booleans(), same_number=st.booleans())
    def the_monitor_restarts(self, anew: bool, same_number: bool) -> None:
        """Only what is on disk survives; the guest may have been started anew meanwhile."""
        self.play.restart_monitor()
        if anew:
            self._begins_anew(same_number=same_number)
        was_told = self.told
        self.silent, self.open, self.away, self.availability = 0, None, False, Availability.RUNNING
        if anew or not self.here:
            self.was_healthy = False
        self._is_seen(Availability.RUNNING)
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
