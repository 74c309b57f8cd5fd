"""The two promises, under every interleaving: each death is reported exactly once, and nobody else is accused.

A small world: one machine, a libvirtd that may be away and forgets its reasons, a monitor that may be
away, a connection whose events are lost while either is, readings that arrive late, and a second eye.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from masakarimonitors.instancemonitor.observation import (
    LibvirtAway,
    LibvirtBack,
    Lifecycle,
    Power,
    Process,
    Reading,
    Reason,
)
from tests.fixtures.machine_play import URI, VM, Play

LOG = {Reason.CRASHED: "crashed", Reason.DESTROYED: "destroyed", Reason.SHUTDOWN: "shutdown"}


@dataclass
class Truth:
    """What really is."""

    on: bool = True
    panicked: bool = False
    reason: Reason = Reason.UNKNOWN
    log: str = ""
    started: float = 0.0
    deaths: int = 0
    seen_up: bool = False
    """The monitor has learned that the present life began."""
    unreported: bool = False
    """The last death of a machine that the monitor had seen up, not yet reported."""
    forgiven: int = 0
    """Deaths that nobody could report: the monitor never learned of the life, or it was over before."""


class World(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.play = Play()
        self.truth = Truth()
        self.libvirtd = self.monitor = True
        self.late: tuple[Reading, int] | None = None

    @property
    def hears(self) -> bool:
        return self.libvirtd and self.monitor

    def reports(self) -> int:
        return sum(words == "LIFECYCLE/STOPPED_FAILED" for _uuid, words in self.play.reports)

    def reading(self) -> Reading:
        truth = self.truth
        if truth.panicked:
            return Reading(VM, Power.PANICKED, started=truth.started)
        if truth.on:
            return Reading(VM, Power.RUNNING)
        return Reading(VM, Power.OFF, truth.reason, Process.GONE, truth.log, truth.started)

    def event(self, event: Lifecycle, detail: int) -> None:
        if self.hears:
            self.play.event(event, detail)

    @initialize()
    def begin(self) -> None:
        self.play.census(self.reading())
        self.truth.seen_up = True

    # ---- the machine

    @precondition(lambda self: not self.truth.on and self.libvirtd)
    @rule()
    def start(self) -> None:
        # Nobody recovers a machine within seconds of its death.
        self.play.wait(11)
        if self.truth.unreported:
            self.truth.forgiven += 1
        before = self.truth
        self.truth = Truth(
            started=self.play.now().wall.timestamp(),
            deaths=before.deaths,
            forgiven=before.forgiven,
            # A life that began unseen is told from the one before by the log, if that one is remembered.
            seen_up=self.hears or any(key.startswith("machine:") for key in self.play.memory),
        )
        self.event(Lifecycle.STARTED, 0)

    def die(self, reason: Reason) -> None:
        truth = self.truth
        already = truth.panicked
        if already and truth.unreported and not truth.seen_up and not self.hears:
            truth.unreported = False
            truth.forgiven += 1
        truth.on = truth.panicked = False
        truth.reason, truth.log = reason, LOG[reason]
        if reason is Reason.CRASHED and not already:
            truth.deaths += 1
            truth.unreported = truth.seen_up
            truth.forgiven += not truth.seen_up and not self.hears

    @precondition(lambda self: self.truth.on)
    @rule()
    def crash(self) -> None:
        self.die(Reason.CRASHED)
        self.event(Lifecycle.STOPPED, 5)

    @precondition(lambda self: self.truth.on and not self.truth.panicked and self.libvirtd)
    @rule()
    def panic_and_stay(self) -> None:
        self.truth.panicked = True
        self.truth.deaths += 1
        self.truth.unreported = True
        self.event(Lifecycle.CRASHED, 0)

    @precondition(lambda self: self.truth.on and self.libvirtd)
    @rule()
    def destroy(self) -> None:
        if self.truth.panicked and self.truth.unreported:
            # Somebody cleaned up before the monitor could look: over, and nobody's to recover.
            self.truth.unreported = False
            self.truth.forgiven += 1
        self.die(Reason.DESTROYED)
        self.event(Lifecycle.STOPPED, 1)

    @precondition(lambda self: self.truth.on and not self.truth.panicked)
    @rule()
    def reboot(self) -> None:
        if self.hears:
            self.play.reboot()

    # ---- who watches

    @precondition(lambda self: self.libvirtd)
    @rule()
    def libvirtd_ends(self) -> None:
        self.libvirtd = False
        self.late = None
        if self.monitor:
            self.play.see(LibvirtAway(URI, "gone"))

    @precondition(lambda self: not self.libvirtd)
    @rule()
    def libvirtd_returns(self) -> None:
        self.libvirtd = True
        if not self.truth.on and self.truth.log == "":
            self.truth.reason = Reason.UNKNOWN
        if self.monitor:
            self.play.see(LibvirtBack(URI))
            self.look()

    @precondition(lambda self: not self.truth.on and self.hears)
    @rule()
    def libvirtd_forgets_why(self) -> None:
        """Two restarts in a row, unseen in between."""
        self.truth.reason = Reason.UNKNOWN

    @precondition(lambda self: self.monitor)
    @rule()
    def monitor_ends(self) -> None:
        self.monitor = False
        self.late = None

    @precondition(lambda self: not self.monitor)
    @rule()
    def monitor_returns(self) -> None:
        self.monitor = True
        self.play.restart()
        if self.libvirtd:
            self.look()

    def look(self) -> None:
        self.play.census(self.reading())
        self.truth.seen_up = self.truth.seen_up or self.truth.on

    @precondition(lambda self: self.hears)
    @rule()
    def census(self) -> None:
        self.look()

    @precondition(lambda self: self.hears)
    @rule()
    def census_begins(self) -> None:
        self.late = (self.reading(), self.play.number)

    @precondition(lambda self: self.late is not None and self.hears)
    @rule()
    def census_arrives_late(self) -> None:
        assert self.late is not None
        reading, after = self.late
        self.late = None
        self.play.census(reading, after=after)

    @precondition(lambda self: self.monitor)
    @rule()
    def second_eye(self) -> None:
        if not self.truth.on and "ask" in self.play.ended() and self.libvirtd:
            self.play.asked(self.reading())

    @rule()
    def time_passes(self) -> None:
        self.play.wait(11)

    # ---- the promises

    @invariant()
    def no_false_accusation(self) -> None:
        assert self.reports() <= self.truth.deaths

    @invariant()
    def no_death_is_lost(self) -> None:
        if self.hears:
            assert self.reports() >= self.truth.deaths - self.truth.forgiven
            self.truth.unreported = False


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
