"""The promises, under every interleaving: a life that was seen up and died is one report, and nobody else is accused.

A small world: one instance, which lives at one of two libvirts and moves between them, is started (which may fail),
stopped, killed, undefined while it is off or runs; libvirtds and a monitor that may be away, a host that is restarted,
logs that cannot be read, libvirtds that forget their reasons, readings and answers that arrive late, a second eye, and
reports that wait, are refused, expire, and are offered again. It draws at random, and so seldom goes deep;
`tests/explore/test_lives.py` goes through all that may happen to one instance at one libvirt.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from masakarimonitors.core.decision import Notify, Ruling, Withdraw, Woken
from masakarimonitors.core.notification import Leave, Notification, ReportStatus, VmNotification
from masakarimonitors.core.unconfirmed import Say, Unconfirmed, Word
from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    Failed,
    Identity,
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    Observation,
    Power,
    Process,
    ProcessEnded,
    Reading,
    ReportSettled,
)
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, URI, Play

PLACES = (URI, "qemu:///system?socket=/other")
BY_REASON = {
    ShutoffReason.CRASHED: "crashed",
    ShutoffReason.DESTROYED: "destroyed",
    ShutoffReason.SHUTDOWN: "shutdown",
    ShutoffReason.MIGRATED: "migrated",
    ShutoffReason.FAILED: "failed",
    ShutoffReason.DAEMON: "daemon",
}
DAY = 86400.0
place = st.sampled_from(PLACES)


@dataclass
class Life:
    """One QEMU of the instance: `ran` when its guest has run in it, `end` how its log says that it ended."""

    run: int
    started: float
    incoming: bool = False
    ran: bool = False
    end: str = ""
    panicked: bool = False
    defined: bool = True
    seen_up: bool = False
    reported: bool = False
    refused: bool = False
    """masakari did not take its report: refused it, or it expired."""
    with_host: bool = False
    """But was told since that the whole host failed."""
    blurred: bool = False
    """It was read without a word of its definition, which had been removed, and may have been made anew unheard."""
    let_go: bool = False
    """Its definition was removed after its end, or it was not listed for a week, and a person was told of that: nobody
    else has to be told of it, also if it is made anew."""
    alarmed: bool = False
    eyed: bool = False
    untold: bool = False
    """Nobody could read its log when it was asked for, and libvirt has not listed its instance since."""
    cut: bool = False
    """Its log was rotated after it had begun, so that it does not tell of that."""
    lost: bool = False
    slipped: bool = False
    """Its definition was removed while it ran and the monitor was away."""
    traceless: bool = False
    """So it vanished by its end, which looks like a move, and its log, too, tells only of a life before."""

    @property
    def died(self) -> bool:
        return self.ran and (self.panicked or self.end == "crashed")


@dataclass
class Libvirt:
    """What is at one place."""

    defined: bool = True
    heard: bool = True
    reason: ShutoffReason = ShutoffReason.SHUTDOWN
    living: bool = False
    lives: list[Life] = field(default_factory=list)
    log_readable: bool = True

    @property
    def life(self) -> Life | None:
        return self.lives[-1] if self.living else None

    @property
    def runs(self) -> bool:
        return self.life is not None and self.life.ran

    @property
    def listed(self) -> bool:
        return self.defined or self.living


@dataclass(frozen=True)
class Report:
    """One that waits for masakari, and of whose deaths it tells."""

    told: VmNotification
    lives: tuple[Life, ...] = ()

    @property
    def word(self) -> str:
        return self.told.vir_domain_event


class Observed(Play):
    """A play that lets the world look at each line; `said`: the last word about each report of the last life."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.said: dict[Notification, Say] = {}
        super().__init__()

    def judge_unconfirmed(self, report: Unconfirmed) -> Word:
        word = super().judge_unconfirmed(report)
        self.said[report.told] = word.say
        return word

    def feed(self, *observations: Observation | Woken) -> Self:
        super().feed(*observations)
        self.look()
        return self


class World(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.play = Observed(self.note)
        self.libvirts = {uri: Libvirt() for uri in PLACES}
        self.monitor = True
        self.boots = 1
        self.runs = 0
        self.history: list[Life] = []
        self.rebooted_after: Life | None = None
        self.reports: list[Report] = []
        self.false: list[str] = []
        self.late: list[Observation] = []

    # ---- what the monitor does

    def note(self) -> None:
        for command in self.play.commands:
            match command:
                case Notify(notification=VmNotification(vir_domain_event="STOPPED_FAILED") as told):
                    self.reports.append(Report(told, self.accused()))
                case Notify(notification=VmNotification(vir_domain_event="IO_ERROR_REPORT") as told):
                    self.reports.append(Report(told))
                case Withdraw(only=only):
                    words = {word for _, word in only}
                    if not words:
                        self.withdrawn()
                    self.reports = [one for one in self.reports if words and one.word not in words]
        self.reports = [one for one in self.reports if self.play.said.get(one.told) is not Say.WITHDRAW]
        if self.alarm:
            for life in self.history:
                life.alarmed = life.alarmed or life.died
        if any(one.alarm and one.ruling is Ruling.WITHDRAWN for one in self.play.verdicts):
            for life in self.history[-1:]:
                life.let_go = life.let_go or life.refused  # a person was told that nobody is, any more

    @property
    def alarm(self) -> bool:
        return any(one.alarm and one.subject.startswith("vm:") for one in self.play.verdicts)

    def withdrawn(self) -> None:
        """Nobody is told of a death any more: only of one that is over, or with an alarm."""
        last = self.history[-1] if self.history else None
        told = [life for one in self.reports for life in one.lives]
        if last in told and self.is_dead() and not self.alarm and not (last and last.alarmed):
            self.false.append("a report of one that is dead is withdrawn without an alarm")

    def is_dead(self) -> bool:
        """Whether its last life has died, and nothing has ended that since."""
        last = self.history[-1] if self.history else None
        if last is None or not last.died or last.traceless or last is self.rebooted_after:
            return False
        (at,) = [one for one in self.libvirts.values() if last in one.lives]
        return not (last.let_go or last.blurred) and not (last.end and last.defined and not at.defined)

    @property
    def pending(self) -> list[str]:
        return [one.word for one in self.reports]

    def accused(self) -> tuple[Life, ...]:
        """A report is just if a life has died that was not reported, and nothing lives since.

        Whose report masakari did not take counts as not reported, as long as it is its last life.
        """
        dead = [life for life in self.history if life.died and not life.reported]
        dead = [life for life in dead if not life.refused or life is self.history[-1]]
        if not dead:
            self.false.append("nothing died")
        elif self.running():
            self.false.append("it runs")
        else:
            for life in dead:
                life.reported = True  # of an older one nobody has to be told any more
        return tuple(dead)

    def identity(self, uri: str) -> Identity:
        life = self.libvirts[uri].life
        return replace(INSTANCE, uri=uri, run=life.run if life else 0)

    def hears(self, uri: str) -> bool:
        return self.monitor and self.libvirts[uri].heard

    def event(self, uri: str, event: Lifecycle, detail: int = 0) -> None:
        if self.hears(uri):
            self.play.event(event, detail, self.identity(uri))

    def reading(self, uri: str) -> Reading | None:
        at = self.libvirts[uri]
        if not at.listed:
            return None
        log = self.log(uri)
        if at.life is None:
            return log
        if at.life.panicked:
            return replace(log, power=Power.PANICKED, reason=ShutoffReason.UNKNOWN, process=Process.UNSEEN)
        power = Power.RUNNING if at.life.ran else Power.MIGRATING if at.life.incoming else Power.STARTING
        return Reading(instance=self.identity(uri), power=power)

    def log(self, uri: str) -> Reading:
        """What libvirt and the log tell of one that is off."""
        at = self.libvirts[uri]
        told = [life for life in at.lives if life.end != "failed" and not life.lost]
        last = told[-1] if told and at.log_readable else Life(0, 0.0)
        since = [life for life in at.lives if life.end == "failed" and not life.lost and life.run > last.run]
        failed = Failed.START if since and at.log_readable else Failed.NOTHING
        if failed is Failed.START and any(life.incoming for life in since):
            failed = Failed.ARRIVAL
        return Reading(
            instance=self.identity(uri),
            power=Power.OFF,
            reason=at.reason,
            process=Process.ALIVE if at.living else Process.GONE,
            last_words=last.end,
            started=0.0 if last.cut else last.started,
            arrived=last.incoming and not last.cut,
            log_read=at.log_readable,
            failed=failed,
        )

    def traces(self, uri: str) -> Reading | None:
        """What the disk tells while its libvirtd is away."""
        return (
            replace(self.log(uri), reason=ShutoffReason.UNKNOWN) if self.libvirts[uri].log_readable else None
        )

    def answer(self, uri: str) -> Asked:
        """Of one that libvirt does not know, the disk tells what libvirtd has written down."""
        reading, traces = self.reading(uri), None
        if reading is None and self.libvirts[uri].log_readable:
            log = replace(self.log(uri), reason=ShutoffReason.UNKNOWN)
            traces = log if log.last_words else None
        mute = reading is None and traces is None
        for life in self.libvirts[uri].lives[-1:]:
            life.untold = mute
        return Asked(self.identity(uri), reading, self.play.number, traces, mute=mute)

    def census(self, uri: str) -> Census:
        reading = self.reading(uri)
        return Census(uri, (reading,) if reading else (), self.play.number)

    def look(self, uri: str) -> None:
        if "ask" in self.play.see(self.census(uri)):
            self.late.append(self.answer(uri))
        if self.libvirts[uri].listed:
            for one in self.libvirts[uri].lives:
                one.untold = False
        life = self.libvirts[uri].life
        if life is not None and life.ran:
            life.seen_up = True
            life.blurred = life.blurred or not self.libvirts[uri].defined

    # ---- the instance

    @initialize()
    def begin(self) -> None:
        for uri in PLACES:
            self.look(uri)
        self.new_life(URI, ran=True)
        self.event(URI, Lifecycle.STARTED)

    def idle(self) -> bool:
        return not any(one.living for one in self.libvirts.values())

    def home(self) -> str:
        """Where it may be started: where it ran last, while it is defined there."""
        last = self.history[-1:]
        there = [uri for uri, at in self.libvirts.items() if at.defined]
        return next((uri for uri in there if last and last[0] in self.libvirts[uri].lives), (*there, "")[0])

    def new_life(self, uri: str, *, incoming: bool = False, ran: bool = False) -> Life:
        self.play.wait(1)
        self.runs += 1
        life = Life(self.runs, self.play.now.wall.timestamp(), incoming, ran)
        at = self.libvirts[uri]
        at.lives.append(life)
        at.living = True
        if ran:
            self.history.append(life)
            life.seen_up = self.hears(uri)
        return life

    def end(self, uri: str, reason: ShutoffReason) -> None:
        at = self.libvirts[uri]
        assert at.life is not None
        at.life.end, at.life.defined = BY_REASON[reason], at.defined
        at.living, at.reason = False, reason

    @precondition(lambda self: self.idle())
    @rule(uri=place)
    def start(self, uri: str) -> None:
        at = self.libvirts[uri]
        if at.heard and uri == self.home():
            self.new_life(uri, ran=True)
            self.event(uri, Lifecycle.STARTED)

    @precondition(lambda self: self.idle())
    @rule(uri=place)
    def start_begins(self, uri: str) -> None:
        at = self.libvirts[uri]
        if at.heard and uri == self.home():
            self.new_life(uri)

    def starting(self) -> list[str]:
        return [
            u for u, one in self.libvirts.items() if one.life and not one.life.ran and not one.life.incoming
        ]

    @precondition(lambda self: self.starting())
    @rule(told=st.booleans())
    def start_fails(self, told: bool) -> None:
        (uri,) = self.starting()
        self.end(uri, ShutoffReason.FAILED)
        if told:
            self.event(uri, Lifecycle.STOPPED, 5)

    @precondition(lambda self: self.starting())
    @rule(noted=st.booleans())
    def start_is_cut_off(self, noted: bool) -> None:
        """By a restart of libvirtd, which ends what it finds half started, or does not know of it."""
        (uri,) = self.starting()
        at = self.libvirts[uri]
        if not at.heard:
            return
        self.end(uri, ShutoffReason.DAEMON)
        if not noted:
            at.lives[-1].end, at.reason = "", ShutoffReason.UNKNOWN
        self.libvirtd_ends(uri)
        self.libvirtd_returns(uri)

    @precondition(lambda self: self.starting())
    @rule()
    def start_is_completed(self) -> None:
        (uri,) = self.starting()
        life = self.libvirts[uri].life
        assert life is not None
        if self.libvirts[uri].heard:
            life.ran, life.seen_up = True, self.hears(uri)
            self.history.append(life)
            self.event(uri, Lifecycle.RESUMED)
            self.event(uri, Lifecycle.STARTED)

    def running(self) -> list[str]:
        return [u for u, one in self.libvirts.items() if one.life and one.life.ran and not one.life.panicked]

    def arriving(self) -> list[str]:
        return [u for u, one in self.libvirts.items() if one.life and one.life.incoming and not one.life.ran]

    @precondition(lambda self: self.running() and not self.arriving())
    @rule()
    def migration_begins(self) -> None:
        (source,) = self.running()
        (there,) = set(PLACES) - {source}
        if self.libvirts[source].heard and self.libvirts[there].heard and not self.libvirts[there].living:
            self.new_life(there, incoming=True)
            self.event(there, Lifecycle.STARTED, 1)

    @precondition(lambda self: self.arriving())
    @rule(killed=st.booleans())
    def migration_is_aborted(self, killed: bool) -> None:
        (there,) = self.arriving()
        self.end(there, ShutoffReason.CRASHED if killed else ShutoffReason.FAILED)
        self.event(there, Lifecycle.STOPPED, 5)

    @precondition(lambda self: self.arriving() and self.running())
    @rule(paused=st.booleans())
    def migration_is_completed(self, paused: bool) -> None:
        (source,), (there,) = self.running(), self.arriving()
        life, before = self.libvirts[there].life, self.libvirts[source]
        assert life is not None
        if not (before.heard and self.libvirts[there].heard):
            return
        self.libvirts[there].defined = True
        life.ran, life.seen_up = True, self.hears(there)
        self.history.append(life)
        self.event(there, Lifecycle.DEFINED)
        self.event(there, Lifecycle.SUSPENDED if paused else Lifecycle.RESUMED, 0 if paused else 1)
        self.end(source, ShutoffReason.MIGRATED)
        self.event(source, Lifecycle.STOPPED, 3)
        before.defined = False
        self.event(source, Lifecycle.UNDEFINED)

    def source_ends(self, uri: str) -> None:
        """A migration whose source ends is aborted."""
        for there in self.arriving():
            if there != uri:
                self.end(there, ShutoffReason.FAILED)
                self.event(there, Lifecycle.STOPPED, 5)

    @precondition(lambda self: self.running())
    @rule()
    def crash(self) -> None:
        (uri,) = self.running()
        self.end(uri, ShutoffReason.CRASHED)
        self.event(uri, Lifecycle.STOPPED, 5)
        self.source_ends(uri)

    @precondition(lambda self: self.running())
    @rule()
    def panic_and_stay(self) -> None:
        (uri,) = self.running()
        life = self.libvirts[uri].life
        assert life is not None
        if self.libvirts[uri].heard and not self.arriving():
            life.panicked = True
            self.event(uri, Lifecycle.CRASHED)

    @rule(uri=place)
    def kept_qemu_ends(self, uri: str) -> None:
        life = self.libvirts[uri].life
        if life is not None and life.panicked:
            self.end(uri, ShutoffReason.CRASHED)
            self.event(uri, Lifecycle.STOPPED, 5)

    @precondition(lambda self: self.running() and self.monitor)
    @rule(monitor=st.booleans(), by_itself=st.booleans())
    def a_kept_crashed_guest_ends_unheard(self, monitor: bool, by_itself: bool) -> None:
        """While nova's live snapshot had taken its definition away."""
        (uri,) = self.running()
        self.undefine(uri)
        self.panic_and_stay()
        if self.running():
            return
        if monitor:
            self.monitor_ends()
        else:
            self.libvirtd_ends(uri)
        if by_itself:
            self.kept_qemu_ends(uri)
        else:
            self.destroy(uri)
        if monitor:
            self.monitor_returns()
        else:
            self.libvirtd_returns(uri)

    @rule(uri=place)
    def destroy(self, uri: str) -> None:
        at = self.libvirts[uri]
        if at.runs and at.heard and at.life is not None:
            at.life.panicked = False  # over, and nobody's to recover
            self.end(uri, ShutoffReason.DESTROYED)
            self.event(uri, Lifecycle.STOPPED, 1)
            self.source_ends(uri)

    @precondition(lambda self: self.running())
    @rule()
    def reboot(self) -> None:
        (uri,) = self.running()
        if self.hears(uri):
            self.play.reboot(self.identity(uri))

    @precondition(lambda self: self.running())
    @rule()
    def io_error(self) -> None:
        (uri,) = self.running()
        if self.hears(uri):
            self.play.number += 1
            self.play.see(IoFailed(self.identity(uri), self.play.number, 2, "vda"))

    @rule(uri=place)
    def undefine(self, uri: str) -> None:
        """For good when it is off; for a while, by a live snapshot, when it runs."""
        at = self.libvirts[uri]
        if at.heard and at.defined and (at.life is None or at.life.ran):
            at.defined = False
            if at.life is not None:
                at.life.slipped = not self.monitor
            for life in at.lives[-1:]:
                life.let_go = life.let_go or bool(life.end)
            self.event(uri, Lifecycle.UNDEFINED)

    @rule(uri=place)
    def define(self, uri: str) -> None:
        at = self.libvirts[uri]
        if at.heard and not at.defined and (at.life is None or at.life.ran):
            at.defined = True
            if not at.living:
                at.reason = ShutoffReason.UNKNOWN
                for life in at.lives[-1:]:
                    life.defined = True  # so that it can be removed
            self.event(uri, Lifecycle.DEFINED)

    # ---- who watches

    @rule(uri=place)
    def libvirtd_ends(self, uri: str) -> None:
        at = self.libvirts[uri]
        if at.heard and not self.starting() and not self.arriving():
            at.heard = False
            asked = [one for one in self.late if isinstance(one, Asked) and one.instance.uri == uri]
            self.late = []
            if self.monitor:
                self.play.see(LibvirtAway(uri, "gone"))
            if asked:
                # Each question is answered, by what the disk tells where its libvirtd is away.
                self.play.see(Asked(self.identity(uri), None, self.play.number, self.traces(uri)))

    @rule(uri=place)
    def libvirtd_returns(self, uri: str) -> None:
        if not self.libvirts[uri].heard:
            self.libvirts[uri].heard = True
            if self.monitor:
                self.play.see(LibvirtBack(uri))
                self.look(uri)

    @rule(uri=place)
    def libvirtd_forgets_why(self, uri: str) -> None:
        """Two restarts in a row, unseen in between."""
        if not self.libvirts[uri].living:
            self.libvirts[uri].reason = ShutoffReason.UNKNOWN

    @rule(uri=place)
    def log_is_lost_or_found(self, uri: str) -> None:
        at = self.libvirts[uri]
        at.log_readable = not at.log_readable
        self.trace_is_lost(at)

    @rule(uri=place)
    def log_is_rotated(self, uri: str) -> None:
        if uri not in self.arriving():
            for life in self.libvirts[uri].lives:
                life.cut, life.lost = True, life.lost or bool(life.end)
            self.trace_is_lost(self.libvirts[uri])

    def trace_is_lost(self, at: Libvirt) -> None:
        for life in at.lives:
            life.traceless = life.traceless or (
                life.slipped and bool(life.end) and not life.defined and life.lost
            )

    @precondition(lambda self: self.monitor)
    @rule()
    def monitor_ends(self) -> None:
        self.monitor = False
        self.late = []
        self.play.alarms.clear()

    def begin_again(self) -> None:
        """What ended before, nobody sees ending."""
        self.monitor = True
        for at in self.libvirts.values():
            for life in at.lives:
                life.eyed = life.eyed or bool(life.end)
        self.play.said.clear()
        self.play.restart(f"boot-{self.boots}", PLACES)
        self.play.adopts(*(one.told for one in self.reports))
        self.delivery(ReportStatus.DELIVERED)
        for uri, at in self.libvirts.items():
            if at.heard:
                self.look(uri)
            else:
                self.play.see(LibvirtAway(uri, "gone"))

    @precondition(lambda self: not self.monitor)
    @rule()
    def monitor_returns(self) -> None:
        self.begin_again()

    @rule()
    def host_is_restarted(self) -> None:
        """All ends without a word, in the logs too; libvirtds and the monitor begin anew."""
        self.boots += 1
        self.late = []
        for at in self.libvirts.values():
            at.living, at.heard, at.reason = False, True, ShutoffReason.UNKNOWN
            for life in at.lives:
                life.eyed, life.panicked = True, False
        self.rebooted_after = self.history[-1] if self.history else None
        self.begin_again()

    @rule(uri=place)
    def second_census(self, uri: str) -> None:
        if self.hears(uri):
            self.look(uri)

    @rule(uri=place)
    def census_begins(self, uri: str) -> None:
        if self.hears(uri):
            self.late.append(self.census(uri))

    @precondition(lambda self: self.monitor)
    @rule(uri=place)
    def second_eye(self, uri: str) -> None:
        for life in self.libvirts[uri].lives[-1:]:  # the end of a process is told before another one starts
            if life.end and not life.eyed:
                life.eyed = True
                ended = ProcessEnded(replace(INSTANCE, uri=uri), life.run, arrived=life.incoming)
                if "ask" in self.play.see(ended) and self.libvirts[uri].heard:
                    self.late.append(self.answer(uri))

    @precondition(lambda self: self.late and self.monitor)
    @rule()
    def what_is_late_arrives(self) -> None:
        self.play.see(self.late.pop(0))

    # ---- masakari

    def leaving(self) -> list[Report]:
        """What may leave now."""
        waiting = [one.told for one in self.play.unconfirmed]
        return [
            one
            for one in self.reports
            if one.told not in waiting and may_offer(self.play.state, one.told, self.play.now) is Leave.NOW
        ]

    def settle(self, report: Report, status: ReportStatus) -> None:
        self.reports.remove(report)
        death = report.word == "STOPPED_FAILED"
        if status is ReportStatus.DELIVERED:
            if death and any(self.libvirts[uri].heard for uri in self.running()):
                self.false.append("masakari is told of one that runs")
        else:
            for life in report.lives:
                life.reported, life.refused = False, True
        made = report.told.generated_time
        self.play.see(ReportSettled(INSTANCE.uuid, made, status, "409", death=death))

    @precondition(lambda self: self.monitor)
    @rule(status=st.sampled_from([ReportStatus.DELIVERED, ReportStatus.REFUSED]))
    def delivery(self, status: ReportStatus) -> None:
        for report in self.leaving():
            self.settle(report, status)

    @precondition(lambda self: self.monitor)
    @rule(takes=st.booleans())
    def masakari_is_seen(self, takes: bool) -> None:
        self.play.at_masakari(on_maintenance=not takes)

    @precondition(lambda self: self.monitor)
    @rule()
    def host_is_reported(self) -> None:
        for life in self.history:
            life.with_host = life.with_host or (life.refused and not life.reported)
        self.play.at_masakari(on_maintenance=True, failed_at=self.play.now.wall)

    @rule(seconds=st.sampled_from([11.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        self.play.wait(seconds)

    @rule(days=st.sampled_from([1, 7]))
    def days_pass(self, days: int) -> None:
        """As where the computer was suspended: what is to be done meanwhile is done late. Reports expire."""
        self.play.seconds += days * DAY
        self.play.wait(1.0)
        if self.monitor:
            for report in list(self.reports):
                self.settle(report, ReportStatus.EXPIRED)

    # ---- the promises

    @invariant()
    def nobody_is_accused_falsely(self) -> None:
        assert self.false == []

    @precondition(lambda self: all(self.hears(uri) for uri in PLACES) and not self.starting())
    @rule()
    def rest(self) -> None:
        """Everything is looked at twice: what died is known by now, and what is over is withdrawn."""
        for _ in range(2):
            while self.late:  # answers take milliseconds, the next census a second
                self.play.see(self.late.pop(0))
            for uri in PLACES:
                self.look(uri)
        last = self.history[-1] if self.history else None
        if last is None or last is self.rebooted_after:
            return
        shown = any(alarm for subject, _, _, alarm in describe(self.play.state) if "vm:" in subject)
        (uri,) = [uri for uri, one in self.libvirts.items() if last in one.lives]
        at = self.libvirts[uri]
        removed = bool(last.end) and last.defined and not at.defined
        if last.died and not last.reported and not last.alarmed and not removed:
            told = at.reason is ShutoffReason.CRASHED or (at.log_readable and not last.lost)
            assert not last.seen_up or last.traceless, "a death of what was seen up is lost"
            assert not (at.listed and told and at.lives[-1] is last), (
                "an unseen life is neither reported nor an alarm"
            )
        if last.died and last.refused and not last.reported and not last.let_go:
            assert shown or not at.listed, "a death of which masakari was not told is not shown"
        readable = all(one.log_readable for one in self.libvirts.values()) and not (last.lost or last.untold)
        if readable and (removed or not last.died):
            assert "STOPPED_FAILED" not in self.pending, (
                "a report waits for one that is well, was stopped or deleted"
            )
        if last.end and not last.panicked:
            assert "IO_ERROR_REPORT" not in self.pending or not readable

    @precondition(lambda self: all(self.hears(uri) for uri in PLACES) and not self.starting())
    @rule()
    def masakari_takes_reports_again(self) -> None:
        """What it did not take is offered again, if it is still seen to be dead."""
        self.delivery(ReportStatus.REFUSED)
        self.play.wait(3700.0)
        self.play.at_masakari()
        last = self.history[-1] if self.history else None
        self.rest()
        if last is None or not last.died or not last.refused or last.with_host or last.let_go:
            return
        (uri,) = [uri for uri, one in self.libvirts.items() if last in one.lives]
        at = self.libvirts[uri]
        told = at.living or (at.log_readable and not last.lost and not last.cut)
        if at.listed and told and at.lives[-1] is last and last is not self.rebooted_after:
            assert last.reported, "a death that masakari did not take is not offered again"


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=240, stateful_step_count=60, deadline=None)


def test_a_second_life_that_died_while_the_monitor_was_away_with_a_log_that_cannot_be_read() -> None:
    world = World()
    world.begin()
    world.crash()
    world.monitor_ends()
    world.log_is_lost_or_found(URI)
    world.start(URI)
    world.crash()
    world.monitor_returns()
    world.rest()
    assert [life.alarmed for life in world.history] == [True, True]


def test_a_question_that_is_answered_by_the_disk_since_libvirtd_has_ended_meanwhile() -> None:
    world = World()
    world.begin()
    world.a_kept_crashed_guest_ends_unheard(by_itself=False, monitor=True)
    world.libvirtd_ends(URI)
    world.libvirtd_returns(URI)
    world.rest()
    assert world.pending == []


def test_a_death_that_the_second_eye_saw_while_libvirtd_was_away_is_offered_again() -> None:
    world = World()
    world.begin()
    world.libvirtd_ends(URI)
    world.crash()
    world.second_eye(URI)
    world.libvirtd_returns(URI)
    world.masakari_takes_reports_again()
    assert world.pending == ["STOPPED_FAILED"]


def test_one_that_died_in_a_live_snapshot_that_began_while_the_monitor_was_away() -> None:
    world = World()
    world.begin()
    world.monitor_ends()
    world.undefine(URI)
    world.crash()
    world.monitor_returns()
    world.rest()
    assert world.history[0].alarmed and not world.history[0].reported


def test_a_census_that_is_older_than_its_leaving_while_its_guest_panics_at_the_other_libvirt() -> None:
    world = World()
    world.begin()
    world.census_begins(URI)
    world.migration_begins()
    world.migration_is_completed(paused=False)
    world.second_census(URI)
    world.second_census(URI)
    world.panic_and_stay()
    world.what_is_late_arrives()
    assert world.pending == ["STOPPED_FAILED"]
    world.rest()
    world.nobody_is_accused_falsely()


def test_a_kept_crashed_guest_that_ends_without_a_definition_while_the_monitor_is_away() -> None:
    world = World()
    world.begin()
    world.panic_and_stay()
    world.monitor_ends()
    world.undefine(URI)
    world.kept_qemu_ends(URI)
    world.monitor_returns()
    world.second_census(URI)
    assert not world.leaving()
    world.rest()
    assert world.history[0].alarmed and world.pending == ["STOPPED_FAILED"]
    world.nobody_is_accused_falsely()


def test_one_that_died_a_week_ago_and_has_only_just_vanished_is_not_forgotten() -> None:
    world = World()
    world.begin()
    world.panic_and_stay()
    world.days_pass(7)
    world.undefine(URI)
    world.kept_qemu_ends(URI)
    world.rest()
    world.define(URI)
    world.masakari_takes_reports_again()
    assert world.pending == ["STOPPED_FAILED"]


def test_a_start_that_is_cut_off_after_an_unheard_stop_with_a_log_that_cannot_be_read() -> None:
    world = World()
    world.begin()
    world.monitor_ends()
    world.end(URI, ShutoffReason.DESTROYED)
    world.log_is_lost_or_found(URI)
    world.start_begins(URI)
    world.start_is_cut_off(noted=True)
    world.monitor_returns()
    world.rest()
    assert world.false == []


def test_a_start_that_is_cut_off_after_a_restart_of_its_host_while_it_was_dead() -> None:
    world = World()
    world.begin()
    world.crash()
    world.host_is_restarted()
    world.log_is_lost_or_found(URI)
    world.rest()
    world.start_begins(URI)
    world.start_is_cut_off(noted=True)
    world.rest()
    assert world.false == []


def test_a_kept_crashed_guest_that_was_ended_without_a_definition_while_its_log_could_not_be_read() -> None:
    world = World()
    world.begin()
    world.log_is_lost_or_found(URI)
    world.a_kept_crashed_guest_ends_unheard(by_itself=False, monitor=True)
    world.log_is_lost_or_found(URI)
    world.rest()
    assert world.pending == ["STOPPED_FAILED"] and not world.leaving()
    assert any(alarm for _, _, _, alarm in describe(world.play.state))


def test_a_kept_crashed_guest_that_ended_unheard_is_defined_and_deleted_between_two_looks() -> None:
    world = World()
    world.begin()
    world.a_kept_crashed_guest_ends_unheard(by_itself=True, monitor=True)
    world.define(URI)
    world.undefine(URI)
    world.rest()
    assert world.pending == []
