"""One instance, its libvirtd, its log, its host and the instance monitor's pure core: all that may happen to them.

A world is a frozen value; `moves` names what may happen in it next. What was really true stands beside what the
monitor knows, so `Violation` is raised at the very move that accuses falsely, and by `settle`, a move that looks at
everything twice, where a death was lost or a report stands against one that is well. Times and numbers only grow, so
`key` keeps of them what the core compares.
"""

import datetime
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from masakarimonitors.core.decision import JSON, Decision, Instant, Notify, Remember, Withdraw, Woken
from masakarimonitors.core.notification import Leave, VmNotification
from masakarimonitors.instancemonitor.core.decision import Decider
from masakarimonitors.instancemonitor.core.memory import restore
from masakarimonitors.instancemonitor.core.observation import (
    Ask,
    Asked,
    Census,
    Failed,
    LibvirtAway,
    LibvirtBack,
    LifecycleChanged,
    Observation,
    Power,
    Process,
    ProcessEnded,
    Reading,
)
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.state import Policy, State
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.explore.search import Violation
from tests.fixtures.instance_play import INSTANCE, URI
from tests.fixtures.playbook import EPOCH

Mind = Callable[[State, Observation | Woken, Instant], tuple[State, Decision]]
"""The core, or a broken one."""

STEP = 10.0
"""Seconds that each move takes."""

_POWER = {
    "running": Power.RUNNING,
    "starting": Power.STARTING,
    "arriving": Power.MIGRATING,
    "panicked": Power.PANICKED,
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The last life whose guest ran: how it went, and what was done about it."""

    fate: str = "none"
    """none (there was none), alive, died, planned, host (it ended with its host)"""
    seen: bool = False
    """The monitor was told that it was up."""
    reported: bool = False
    deleted: bool = False
    """It was undefined after its end, or came back in another way."""
    hidden: bool = False
    """A monitor has ended that was shown nothing of it."""
    removed: bool = False
    """It was undefined after its end, and the monitor was told so."""


@dataclass(frozen=True, kw_only=True)
class World:
    """How everything stands. `qemu`: off, starting, arriving, running or panicked."""

    qemu: str = "off"
    defined: bool = True
    reason: ShutoffReason = ShutoffReason.SHUTDOWN
    words: str = ""
    started: float = field(default=0.0, compare=False)
    arrived: bool = False
    readable: bool = True
    failed: Failed = Failed.NOTHING
    """What its log tells to have failed since that life."""
    before: tuple[str, float, bool] = field(default=("", 0.0, False), compare=False)
    """What the log told last before the migration that arrives."""
    untold: bool = False
    """QEMU has ended while libvirtd was away, which writes that down when it is back."""
    eyed: bool = True
    libvirtd: bool = True
    monitor: bool = True
    boot: int = 1
    run: int = field(default=0, compare=False)
    seconds: float = field(default=1000.0, compare=False)
    number: int = field(default=0, compare=False)
    pending: bool = False
    listing: Census | None = field(default=None, compare=False)
    """A census that libvirt has answered, and that the monitor was not told yet."""
    truth: Truth = field(default_factory=Truth)
    state: State = field(default_factory=State, compare=False)
    memory: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict, compare=False)

    @property
    def wall(self) -> float:
        return EPOCH.timestamp() + self.seconds

    @property
    def hears(self) -> bool:
        return self.monitor and self.libvirtd

    @property
    def listed(self) -> bool:
        return self.defined or self.qemu != "off"


W = TypeVar("W", World, Truth)


def altered(one: W, **changes: Any) -> W:
    """As `dataclasses.replace`, which takes most of a search's time for records of so many fields."""
    new = object.__new__(type(one))
    fields = vars(new)
    fields.update(vars(one))
    fields.update(changes)
    assert len(fields) == len(vars(one)), f"{type(one).__name__} has no such field: {changes}"
    return new


def mind() -> Mind:
    """The core as it is."""
    return Decider(Policy("compute-1", boot_id=""))


class Lives:
    """What may happen, with this `mind` in the monitor; `late`: a census may be told long after it was made."""

    def __init__(self, core: Mind, *, late: bool = False) -> None:
        self._core = core
        self._late = late

    # ---- what the monitor is told

    def see(self, world: World, seen: Observation) -> World:
        """The world after the monitor has judged `seen`, and has done what it decided."""
        now = Instant(world.seconds, EPOCH + datetime.timedelta(seconds=world.seconds))
        state, decision = self._core(world.state, seen, now)
        world, memory = altered(world, state=state), dict(world.memory)
        for command in decision.commands:
            match command:
                case Notify(notification=VmNotification(vir_domain_event="STOPPED_FAILED")):
                    world = self._accused(world)
                case Withdraw(only=only) if not only:
                    world = _taken_back(world)
                case Remember(key=key, value=None):
                    memory.pop(key, None)
                case Remember(key=key, value=value) if value is not None:
                    memory[key] = value
        world = altered(world, memory=memory)
        asked = any(isinstance(command, Ask) for command in decision.commands)
        if asked:
            reading = self.reading(world) if world.libvirtd else None
            traces = None if reading else self._traces(world)
            mute = world.libvirtd and reading is None and traces is None
            return self.see(world, Asked(INSTANCE, reading, world.number, traces, mute=mute))
        return world

    def _accused(self, world: World) -> World:
        if world.qemu == "running":
            raise Violation("one that runs is reported")
        if world.truth.fate != "died":
            raise Violation(f"reported, though its last life is {world.truth.fate}")
        if world.truth.reported:
            raise Violation("one life is reported twice")
        return altered(world, pending=True, truth=altered(world.truth, reported=True))

    def reading(self, world: World) -> Reading | None:
        if not world.listed:
            return None
        identity = replace(INSTANCE, run=world.run if world.qemu != "off" else 0)
        if world.qemu != "off" and world.qemu != "panicked":
            return Reading(instance=identity, power=_POWER[world.qemu], persistent=world.defined)
        readable = world.readable
        return Reading(
            instance=identity,
            power=_POWER.get(world.qemu, Power.OFF),
            reason=world.reason if world.qemu == "off" else ShutoffReason.UNKNOWN,
            process=Process.GONE if world.qemu == "off" else Process.ALIVE,
            last_words=world.words if readable else "",
            started=world.started if readable else 0.0,
            arrived=world.arrived and readable,
            log_read=readable,
            failed=world.failed if readable else Failed.NOTHING,
        )

    def _traces(self, world: World) -> Reading | None:
        """What the disk tells while libvirt tells nothing; a libvirtd that lives may be about to write there."""
        if not world.readable or (world.libvirtd and not world.words):
            return None
        return Reading(
            instance=INSTANCE,
            power=Power.OFF,
            process=Process.GONE if world.qemu == "off" else Process.ALIVE,
            last_words=world.words,
            started=world.started,
            arrived=world.arrived,
            log_read=True,
            failed=world.failed,
        )

    def census(self, world: World) -> Census:
        reading = self.reading(world)
        return Census(URI, (reading,) if reading else (), world.number)

    def look(self, world: World) -> World:
        world = self.see(world, self.census(world))
        return _seen(world) if world.qemu == "running" else world

    def event(self, world: World, event: Lifecycle, detail: int = 0) -> World:
        if not world.hears:
            return world
        number = world.number + 1
        world = altered(world, number=number)
        identity = replace(INSTANCE, run=world.run if world.qemu != "off" else 0)
        return self.see(world, LifecycleChanged(identity, number, event, detail))

    # ---- what may happen

    def moves(self, world: World) -> Iterator[tuple[str, Callable[[], World | None]]]:
        """Only what can happen as it stands, so that each step is one."""
        later = altered(world, seconds=world.seconds + STEP)
        for name, possible, move in self._table(later):
            if possible:
                yield name, (lambda move=move: move(later))  # type: ignore[misc]

    def _table(self, world: World) -> Iterator[tuple[str, bool, Callable[[World], World]]]:
        qemu, up = world.qemu, world.libvirtd
        alive, off = qemu in ("running", "panicked"), qemu == "off"
        # What a migration that was aborted unheard has left behind: nobody defines it, and its log alone tells of it.
        left = off and world.arrived and world.truth.fate == "none"
        told = world.hears or world.readable
        yield "it is started", off and up and world.defined, self._start
        yield "a start of it begins", off and up and world.defined, self._start_begins
        yield "that start fails", qemu == "starting" and up, self._start_fails
        yield "that start is completed", qemu == "starting" and up, self._runs
        # Nobody moves here what has died here and was not recovered elsewhere, which takes a report.
        moved = world.truth.fate not in ("died", "host") or world.truth.reported
        yield "a migration of it begins", off and up and moved, self._arrives
        yield "that migration is aborted", qemu == "arriving" and up, self._aborted
        yield "that migration is completed", qemu == "arriving" and up, self._arrived
        yield "it is migrated away", qemu == "running" and up, self._leaves
        yield "its QEMU is killed", alive or (qemu == "arriving" and told), self._killed
        yield "it panics", qemu == "running" and up, self._panics
        yield "somebody switches it off", alive and up, self._destroyed
        yield "it is undefined", up and world.defined and (off or alive), self._undefined
        yield "it is defined anew", off and up and world.defined, self._defined_anew
        yield (
            "it is defined anew, and looked at meanwhile",
            off and world.hears and world.defined,
            self._looked_between,
        )
        yield "it is defined", up and not world.defined and (off or alive) and not left, self._defined
        yield "libvirtd ends", up and (off or alive), self._libvirtd_ends
        yield "libvirtd returns", not up, self._libvirtd_returns
        yield "libvirtd forgets why", up and off and world.defined, self._forgets
        yield "the monitor ends", world.monitor, self._monitor_ends
        yield "the monitor returns", not world.monitor, self._monitor_returns
        yield "the host is restarted", True, self._rebooted
        yield "its log can(not) be read", not left, lambda w: altered(w, readable=not w.readable)
        yield "its log is rotated", not left and qemu != "arriving", self._rotated
        yield "its QEMU is seen to have ended", world.monitor and not world.eyed and off, self._second_eye
        yield "libvirt is asked", world.hears, self.look
        yield "a census begins", self._late and world.hears and world.listing is None, self._census_begins
        yield "that census is told", world.monitor and world.listing is not None, self._census_is_told
        yield "the report is delivered", world.pending and self._may_leave(world), self._delivered
        yield "all is looked at twice", world.hears and off | alive, self.settle

    def _start_begins(self, w: World) -> World:
        return altered(w, qemu="starting", run=w.run + 1, eyed=True)

    def _start(self, w: World) -> World:
        return self._runs(self._start_begins(w))

    def _runs(self, w: World) -> World:
        truth = Truth(fate="alive", seen=w.hears)
        w = altered(w, qemu="running", words="", started=w.wall, arrived=False, truth=truth)
        return self.event(altered(w, failed=Failed.NOTHING), Lifecycle.STARTED)

    def _start_fails(self, w: World) -> World:
        failed = Failed.ARRIVAL if w.failed is Failed.ARRIVAL else Failed.START
        w = altered(w, qemu="off", reason=ShutoffReason.FAILED, failed=failed)
        return self.event(w, Lifecycle.STOPPED, 5)

    def _arrives(self, w: World) -> World:
        w = altered(w, before=(w.words, w.started, w.arrived))
        w = altered(w, qemu="arriving", run=w.run + 1, words="", started=w.wall, arrived=True, eyed=True)
        w = altered(w, failed=Failed.NOTHING)
        w = altered(w, truth=Truth())  # it runs elsewhere, so nobody has to be told of its last life here
        return self.event(w, Lifecycle.STARTED, 1)

    def _aborted(self, w: World) -> World:
        words, started, arrived = w.before
        w = altered(w, qemu="off", reason=ShutoffReason.FAILED, words=words, started=started, arrived=arrived)
        w = altered(w, failed=Failed.ARRIVAL)
        return self.event(w, Lifecycle.STOPPED, 5)

    def _arrived(self, w: World) -> World:
        w = altered(w, qemu="running", defined=True, truth=Truth(fate="alive", seen=w.hears))
        return self.event(self.event(w, Lifecycle.DEFINED), Lifecycle.RESUMED, 1)

    def _ends(self, w: World, reason: ShutoffReason, fate: str) -> World:
        if w.truth.fate == "alive" or fate == "planned":
            w = altered(w, truth=altered(w.truth, fate=fate if w.truth.fate != "none" else "none"))
        return altered(
            w, qemu="off", reason=reason, words=reason.name.lower(), eyed=not w.monitor, untold=False
        )

    def _leaves(self, w: World) -> World:
        w = self.event(self._ends(w, ShutoffReason.MIGRATED, "planned"), Lifecycle.STOPPED, 3)
        return self.event(altered(w, defined=False), Lifecycle.UNDEFINED)

    def _killed(self, w: World) -> World:
        w = self._ends(w, ShutoffReason.CRASHED, "died")
        if not w.libvirtd:
            return altered(w, words="", untold=True)
        return self.event(w, Lifecycle.STOPPED, 5)

    def _panics(self, w: World) -> World:
        w = altered(w, qemu="panicked", truth=altered(w.truth, fate="died"))
        return self.event(w, Lifecycle.CRASHED)

    def _destroyed(self, w: World) -> World:
        return self.event(self._ends(w, ShutoffReason.DESTROYED, "planned"), Lifecycle.STOPPED, 1)

    def _undefined(self, w: World) -> World:
        # Of a running one it is known to vanish by dying only if that was heard; else it looks like one that was moved.
        if w.qemu == "off" or not w.hears:
            w = altered(w, truth=altered(w.truth, deleted=True, removed=w.qemu == "off" and w.hears))
        return self.event(altered(w, defined=False), Lifecycle.UNDEFINED)

    def _defined(self, w: World) -> World:
        reason = ShutoffReason.UNKNOWN if w.qemu == "off" else w.reason
        w = altered(w, truth=altered(w.truth, removed=False))
        return self.event(altered(w, defined=True, reason=reason), Lifecycle.DEFINED)

    def _defined_anew(self, w: World) -> World:
        """So nova begins to start one that is off."""
        w = self.event(altered(w, defined=False), Lifecycle.UNDEFINED)
        return self.event(altered(w, defined=True, reason=ShutoffReason.UNKNOWN), Lifecycle.DEFINED)

    def _looked_between(self, w: World) -> World:
        w = self.look(self.event(altered(w, defined=False), Lifecycle.UNDEFINED))
        return self.event(altered(w, defined=True, reason=ShutoffReason.UNKNOWN), Lifecycle.DEFINED)

    def _may_leave(self, w: World) -> bool:
        told = VmNotification(
            "compute-1",
            EPOCH,
            event="LIFECYCLE",
            instance_uuid=INSTANCE.uuid,
            vir_domain_event="STOPPED_FAILED",
        )
        return may_offer(w.state, told, Instant(w.seconds, EPOCH)) is Leave.NOW

    def _delivered(self, w: World) -> World:
        if w.truth.removed:
            raise Violation("a report leaves of one that was removed, and may live elsewhere")
        if w.truth.fate == "host":
            raise Violation("a report of before a restart of the host leaves after it")
        return altered(w, pending=False)

    def _census_begins(self, w: World) -> World:
        return altered(w, listing=self.census(w))

    def _census_is_told(self, w: World) -> World:
        assert w.listing is not None
        told, overtaken = altered(w, listing=None), w.number > w.listing.after
        told = self.see(told, w.listing)
        if overtaken and _standing(told.state) != _standing(w.state):
            raise Violation("a census that was begun before an event says something of its instance")
        return told

    def _libvirtd_ends(self, w: World) -> World:
        w = altered(w, libvirtd=False, listing=None)
        return self.see(w, LibvirtAway(URI, "gone")) if w.monitor else w

    def _libvirtd_returns(self, w: World) -> World:
        w = _transient_unheard(w)
        w = altered(w, libvirtd=True, words="crashed" if w.untold else w.words, untold=False)
        return self.look(self.see(w, LibvirtBack(URI))) if w.monitor else w

    def _forgets(self, w: World) -> World:
        return altered(w, reason=ShutoffReason.UNKNOWN)

    def _monitor_ends(self, w: World) -> World:
        hidden = w.truth.hidden or (w.truth.fate == "died" and not _is_proven(w))
        truth = altered(w.truth, hidden=hidden)
        return altered(w, monitor=False, eyed=True, listing=None, truth=truth)

    def _monitor_returns(self, w: World) -> World:
        w = _transient_unheard(w)
        state = restore(w.memory, "", (URI,)) if w.boot == 1 else _other_boot(w)
        w = altered(w, monitor=True, number=0, state=state, boot=1)
        return self.look(w) if w.libvirtd else self.see(w, LibvirtAway(URI, "gone"))

    def _rebooted(self, w: World) -> World:
        """All ends without a word; libvirtd and the monitor begin anew."""
        fate = "host" if w.truth.fate in ("alive", "died") else w.truth.fate
        transient = w.qemu != "off" and not w.defined
        w = altered(w, truth=altered(w.truth, fate=fate, deleted=w.truth.deleted or transient))
        w = altered(
            w, qemu="off", reason=ShutoffReason.UNKNOWN, libvirtd=True, untold=False, eyed=True, boot=2
        )
        return self._monitor_returns(altered(w, monitor=False, listing=None))

    def _rotated(self, w: World) -> World:
        """It begins anew, empty, so that it no longer tells when its last life began."""
        w = altered(w, failed=Failed.NOTHING)
        return altered(w, words="", started=0.0, arrived=False, before=("", 0.0, False))

    def _second_eye(self, w: World) -> World:
        return self.see(altered(w, eyed=True), ProcessEnded(INSTANCE, 4711, arrived=w.arrived))

    def settle(self, w: World) -> World:
        """Whatever has died is known by now, and nobody who is well stands reported."""
        w = self.look(self.look(w))
        truth = w.truth
        if truth.fate == "died" and not (truth.reported or truth.deleted or _stands(w)):
            if truth.seen:
                raise Violation("a death of what was seen up is lost")
            if _is_proven(w) and not truth.hidden:
                raise Violation("a life that nobody saw is neither reported nor an alarm")
        if w.pending and w.defined and truth.fate in ("died", "host") and not self._may_leave(w):
            raise Violation("a report is held, though its instance is here and off")
        told = w.readable and (w.words or w.reason not in (ShutoffReason.UNKNOWN, ShutoffReason.FAILED))
        if w.pending and (truth.fate == "alive" or (told and truth.fate == "planned")):
            raise Violation(f"a report waits, though its last life is {truth.fate}")
        return w


def _standing(state: State) -> Hashable:
    """What is known of the instance, if it is known."""
    return tuple((one.phase, one.missed) for one in state.instances.values())


def _is_proven(world: World) -> bool:
    """Whether libvirt or the log tells that its last life died."""
    return world.reason is ShutoffReason.CRASHED or (world.readable and world.words == "crashed")


def _taken_back(world: World) -> World:
    """Nobody was told of it, unless the report had left before."""
    truth = altered(world.truth, reported=world.truth.reported and not world.pending)
    return altered(world, pending=False, truth=truth)


def _stands(world: World) -> bool:
    """Whether it is said of the instance that somebody has to look at it."""
    return any(one.alarm for one in world.state.instances.values())


def _other_boot(world: World) -> State:
    host = {**world.memory.get("host", {}), "boot_id": "another"}
    return restore({**world.memory, "host": host}, "", (URI,))


def _transient_unheard(world: World) -> World:
    """One without a definition that may have got one unheard: if it vanishes, it looks like one that was moved."""
    if world.defined or world.qemu == "off":
        return world
    return altered(world, truth=altered(world.truth, deleted=True))


def _seen(world: World) -> World:
    return altered(world, truth=altered(world.truth, seen=True))


def first(lives: Lives) -> World:
    """An instance that was started while everybody listened."""
    world = lives.look(World())
    return dict(lives.moves(world))["it is started"]() or world


def played(lives: Lives, *names: str) -> World:
    """The world after these moves."""
    world = first(lives)
    for name in names:
        world = dict(lives.moves(world))[name]() or world
    return world


def key(world: World) -> Hashable:
    """What the core, and the world, can tell apart."""
    instances = tuple(
        (
            one.phase,
            min(one.number, 1),
            one.defined,
            one.ending,
            one.hearing,
            one.before_reboot,
            one.missed,
            one.legible,
            one.alarm,
            one.identity.run in (0, world.run),
            one.identity.run > 0,
            world.started > one.reported,
            0 < one.since < world.started,
            world.started == one.life,
        )
        for one in world.state.instances.values()
    )
    return (
        world,
        instances,
        _awaited(world),
        tuple((uri, one.sight) for uri, one in world.state.libvirts.items()),
        world.state.rebooted,
        tuple(sorted(world.state.leaving)),
        world.started > world.state.looked.get(URI, 0.0),
        tuple(_remembered(name, value, world) for name, value in sorted(world.memory.items())),
    )


def _awaited(world: World) -> Hashable:
    """What the census tells that is not told yet, and what is known to be newer."""
    if world.listing is None:
        return None
    after, readings = world.listing.after, world.listing.readings
    newer = tuple((one.number > after, one.as_of > after) for one in world.state.instances.values())
    times = tuple((one.started == world.started, one.instance.run == world.run) for one in readings)
    told = tuple(replace(one, started=0.0) for one in readings)
    return world.number > after, world.state.as_of.get(URI, 0) > after, newer, times, told


def _remembered(name: str, value: Mapping[str, JSON], world: World) -> Hashable:
    looked, reported, since = value.get("looked"), value.get("reported"), value.get("since")
    at = looked.get(URI) if isinstance(looked, dict) else None
    return (
        name,
        tuple((k, v) for k, v in sorted(value.items()) if k not in ("looked", "reported", "run", "since")),
        isinstance(at, float) and world.started > at,
        isinstance(reported, float) and world.started > reported,
        value.get("run") in (None, world.run),
        isinstance(since, float) and world.started > since,
    )
