"""An instance ends now, in one of several ways: is masakari told, and what would hold that? Pure; nothing is sent.

In: the rules, how all instances stand, whose end is played, and how it ends. Out: what comes of it, with its second,
and the sentence that says why. The decision is the very one of the monitor; what libvirt and the disk would tell is
supposed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from masakarimonitors.core.decision import Command, Instant, Notify
from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.core.notification import Leave, VmNotification
from masakarimonitors.core.rehearsal.stage import Happens, Stage
from masakarimonitors.instancemonitor.core.decision import Decider
from masakarimonitors.instancemonitor.core.evidence.first_look import FIRST_LOOK
from masakarimonitors.instancemonitor.core.explained import explain
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.observation import (
    Ask,
    Asked,
    Census,
    Identity,
    LifecycleChanged,
    Power,
    Process,
    ProcessEnded,
    Reading,
)
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.state import Instance, Policy, State, subject_of
from masakarimonitors.libvirt.domain_state import Crashed, Lifecycle, ShutoffReason, Stopped

ANSWER = 0.3
"""Seconds that libvirt takes to answer for one whose process has ended."""
AWAY = 3.0
"""Seconds for which a libvirt that is away is asked before the disk is."""


class End(StrEnum):
    """How it ends."""

    DIES = "dies"
    """Its QEMU ends, and nobody had asked for it."""
    PANICS = "panics"
    """Its guest's kernel panics, and its QEMU lives on."""
    STOPS = "stops"
    """Somebody stops it, through libvirt."""
    HOST = "host"
    """Its whole host is lost, and this monitor with it."""


class Fate(StrEnum):
    """What comes of it."""

    REPORTED = "reported"
    HELD = "held"
    FILED = "only filed"
    """masakari is told, and its engine does not act on it."""
    NOT_REPORTED = "not reported"
    WITH_HOST = "with its host"


WANTED = {
    End.DIES: {Fate.REPORTED},
    End.PANICS: {Fate.REPORTED},
    End.STOPS: {Fate.FILED, Fate.NOT_REPORTED},
    End.HOST: {Fate.WITH_HOST},
}
"""What whoever wants high availability for an instance expects."""

SUPPOSED = (
    "nobody starts it again meanwhile",
    "what other instances do is left out, and each libvirt that is away stays so",
    "masakari takes the report: it has this host in a segment, and not on maintenance",
    "the instance is one that masakari recovers ([instance_failure] of its engine)",
)
"""What is no knowledge."""

_EVENTS = {
    End.DIES: (Lifecycle.STOPPED, Stopped.FAILED),
    End.PANICS: (Lifecycle.CRASHED, Crashed.PANICKED),
    End.STOPS: (Lifecycle.STOPPED, Stopped.SHUTDOWN),
}
_WITH_HOST = (
    "this monitor ends with it and reports nothing; the host monitors of other hosts report the host, with which "
    "masakari recovers its instances: masakari-monitors simulate host:NAME tells"
)
_NOBODY_STOPS = (
    "its libvirt is away, so that nobody stops it through that; one that is killed is one that dies"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`after`: the second at which the report is made; `held`: what keeps it from masakari, with what ends that."""

    end: End
    fate: Fate
    after: float | None = None
    held: str = ""
    why: str = ""
    defects: Sequence[str] = ()


def find(state: State, name: str) -> Instance | None:
    """The instance of that uuid or name; known at several libvirts, where it runs."""
    wanted = name.casefold()
    found = [
        one
        for one in state.instances.values()
        if wanted in (one.identity.uuid.casefold(), one.identity.name.casefold())
    ]
    return max(found, key=lambda one: (one.phase is Phase.UP, one.phase in DEAD), default=None)


def running(policy: Policy, identity: Identity, now: Instant) -> State:
    """How it stands where nothing is known but that this instance runs, at a libvirt that is heard."""
    there = Census(identity.uri, (Reading(instance=identity, power=Power.RUNNING, persistent=True),), 0)
    return Decider(policy)(State(), there, now)[0]


def play(
    policy: Policy,
    state: State,
    instance: Instance,
    end: End,
    *,
    now: Instant,
    within: float,
    silenced: str = "",
) -> Outcome:
    """`silenced`: why its reports are held by somebody's wish, in words; empty where they are not."""
    if end is End.HOST:
        return Outcome(end=end, fate=Fate.WITH_HOST, why=_WITH_HOST)
    uri, subject = instance.identity.uri, subject_of(instance.identity)
    libvirt = state.libvirt(uri)
    away = libvirt.sight.is_away
    if end is End.STOPS and away:
        return Outcome(end=end, fate=Fate.NOT_REPORTED, why=_NOBODY_STOPS)
    if end is End.PANICS and away:
        return Outcome(
            end=end, fate=Fate.HELD, why="its libvirt is away, which alone could tell", held=libvirt.reason
        )
    world = _World(state, instance, end)
    stage: Stage[State] = Stage(Decider(policy), state, now, answers=world.answers)
    if state.waits_until is not None:
        stage.wake(FIRST_LOOK, state.waits_until)
    stage.later(0.0, world.ends)
    whole = stage.play(within)
    defects = list(stage.seen.defects)
    if not whole:
        defects.append("the play was ended after too many decisions: what follows is not known")
    told = explain(stage.state, subject, stage.now)
    for one in stage.seen.reports:
        if _is_its_death(one.notify, instance):
            held = silenced or _held(stage, one.notify, subject)
            fate = Fate.HELD if held else Fate.REPORTED
            return Outcome(end=end, fate=fate, after=one.at, held=held, why=one.notify.why, defects=defects)
    said = [one.verdict.why for one in stage.seen.told if one.verdict.subject == subject]
    why = "; ".join(dict.fromkeys([*said, *([told.why] if told is not None else [])]))
    if told is not None and told.standing in (Standing.HELD, Standing.UNSEEN):
        return Outcome(end=end, fate=Fate.HELD, held=_gate(told), why=why, defects=defects)
    fate = Fate.FILED if stage.seen.reports else Fate.NOT_REPORTED
    return Outcome(end=end, fate=fate, why=why, defects=defects)


def _is_its_death(notify: Notify, instance: Instance) -> bool:
    told = notify.notification
    return isinstance(told, VmNotification) and told.is_death and told.instance_uuid == instance.identity.uuid


def _held(stage: Stage[State], notify: Notify, subject: str) -> str:
    if may_offer(stage.state, notify.notification, stage.now) is Leave.NOW:
        return ""
    return _gate(explain(stage.state, subject, stage.now)) or "its monitor does not let it leave"


def _gate(told: Explained | None) -> str:
    for gate in told.gates if told is not None else ():
        if gate.passage is Passage.HOLDS:
            return f"{gate.why}. What ends that: {gate.release}"
    return ""


@dataclass(slots=True)
class _World:
    """The one instance, and what libvirt and the disk tell of its end."""

    state: State
    instance: Instance
    how: End
    number: int = field(init=False)

    def __post_init__(self) -> None:
        known = (max(one.number, one.as_of) for one in self.state.instances.values())
        self.number = 1 + max([0, *known, *self.state.as_of.values()])

    @property
    def _is_away(self) -> bool:
        return self.state.libvirt(self.instance.identity.uri).sight.is_away

    def ends(self, now: Instant) -> LifecycleChanged | ProcessEnded:
        """What is seen of it at once."""
        identity = self.instance.identity
        if self._is_away:
            return ProcessEnded(identity, 0)
        event, detail = _EVENTS[self.how]
        return LifecycleChanged(identity, self.number, event, detail)

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case Ask(identity) if self._is_away:
                yield AWAY, lambda at: Asked(identity, None, self.number, self._off(identity))
            case Ask(identity):
                yield ANSWER, lambda at: Asked(identity, self._off(identity), self.number)

    def _off(self, identity: Identity) -> Reading:
        """Libvirt has seen it end; the disk alone tells that its QEMU is gone, and of no orderly end."""
        planned = self.how is End.STOPS
        seen = ShutoffReason.SHUTDOWN if planned else ShutoffReason.CRASHED
        return Reading(
            instance=identity,
            power=Power.OFF,
            reason=ShutoffReason.UNKNOWN if self._is_away else seen,
            process=Process.GONE,
            log_read=True,
            started=self.instance.since or 1.0,
        )
