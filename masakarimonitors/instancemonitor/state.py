"""What the instance monitor knows of each machine, and the part of it that is kept on disk.

On disk stands, per machine, whether it was up or reported as failed when it was last seen: against
this, what died while nobody listened is noticed at the next start.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from masakarimonitors.decisions import JSON, NOTHING, Decision, Instant, Remember, Ruling, Verdict
from masakarimonitors.instancemonitor.observation import Happened, Named
from masakarimonitors.instancemonitor.words import Words

_HOST = "host"
_PREFIX = "machine:"


class Condition(StrEnum):
    """Where a machine stands; the decision's table says how it moves."""

    UP = "up"
    ARRIVING = "arriving"
    """A live migration comes in: the machine still runs on its source, its end here is no failure."""
    DOWN = "down"
    """Off because somebody wanted it so, or off since before we watched; not kept on disk."""
    PANICKED = "panicked"
    """Reported: the guest crashed, its QEMU still lives."""
    FAILED = "failed"
    """Reported: its QEMU is gone."""


DEAD = (Condition.PANICKED, Condition.FAILED)
"""Reported, and not seen to run since."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: `since` (monotonic seconds) it is in this condition, `number` of its last event.

    `reported`: when its last death was reported (seconds since 1970); `life`: when by its log the life began that
    was last read of it since (0: none was). `said` holds when each of its other
    reports was last due, for what belongs to one story. `before_reboot`: known only from before this host
    was started.
    """

    named: Named
    condition: Condition
    since: float = -math.inf
    number: int = 0
    reported: float = 0.0
    life: float = 0.0
    said: Mapping[Words, float] = field(default_factory=dict)
    before_reboot: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All machines by uuid, and for each URI that cannot be heard what was seen of it.

    `boot_noted`: the identity of this boot is on disk. `read`: the URIs that have been read since the start.
    """

    machines: Mapping[str, Machine] = field(default_factory=dict)
    away: Mapping[str, str] = field(default_factory=dict)
    boot_noted: bool = False
    read: frozenset[str] = frozenset()

    def put(self, machine: Machine) -> "State":
        """With this machine as it is now."""
        return replace(self, machines={**self.machines, machine.named.uuid: machine})

    def drop(self, uuid: str) -> "State":
        """Without this machine."""
        return replace(self, machines={u: m for u, m in self.machines.items() if u != uuid})


def subject_of(machine: Named) -> str:
    """As notifications and verdicts name it."""
    return f"vm:{machine.uuid}"


def noted(state: State, seen: Happened) -> tuple[State, Machine]:
    """The event's machine, known from now on, with the event's number."""
    known = state.machines.get(seen.machine.uuid)
    machine = (
        replace(known, number=seen.number)
        if known
        else Machine(seen.machine, Condition.DOWN, number=seen.number)
    )
    return state.put(machine), machine


def move(state: State, machine: Machine, to: Condition, now: Instant) -> tuple[State, Decision]:
    """Into another condition, on disk too where it matters after a restart; staying costs no write."""
    if machine.condition is to:
        return state.put(machine), NOTHING
    moved = replace(machine, condition=to, since=now.monotonic, before_reboot=False)
    return state.put(moved), Decision((kept(moved),))


def away(state: State, uri: str, seen: str) -> tuple[State, Decision]:
    """The libvirt at `uri` cannot be heard: said once, shown until it is back."""
    if uri in state.away:
        return replace(state, away={**state.away, uri: seen}), NOTHING
    told = "machines there are not watched at present; what dies meanwhile is found when libvirt is back"
    verdict = Verdict(f"libvirt:{uri}", Ruling.BLIND, told, seen, alarm=True)
    return replace(state, away={**state.away, uri: seen}), Decision((), (verdict,))


def back(state: State, uri: str) -> tuple[State, Decision]:
    """The libvirt at `uri` is heard (again)."""
    if uri not in state.away:
        return state, NOTHING
    rest = {u: seen for u, seen in state.away.items() if u != uri}
    verdict = Verdict(
        f"libvirt:{uri}", Ruling.RECOVERED, "libvirt is heard again; its machines are being compared"
    )
    return replace(state, away=rest), Decision((), (verdict,))


def lines(state: State) -> Iterable[tuple[str, str, str, bool]]:
    """For the status: subject, state, detail, alarm; what is away first, then machines by name."""
    for uri, seen in sorted(state.away.items()):
        yield f"libvirt:{uri}", "away", seen, True
    for machine in sorted(state.machines.values(), key=lambda m: m.named.name):
        yield (
            subject_of(machine.named),
            machine.condition.value,
            machine.named.name,
            machine.condition in DEAD,
        )


def kept(machine: Machine) -> Remember:
    """What is written to disk about a machine; a machine that is down needs no memory."""
    named = machine.named
    value: dict[str, JSON] = {"name": named.name, "uri": named.uri, "condition": machine.condition.value}
    if machine.condition in DEAD:
        value["reported"] = machine.reported
    return Remember(_PREFIX + named.uuid, None if machine.condition is Condition.DOWN else value)


def boot_kept(boot_id: str) -> Remember:
    """Which boot of this host the memory is of."""
    return Remember(_HOST, {"boot_id": boot_id})


def recalled(memory: Mapping[str, Mapping[str, JSON]], boot_id: str) -> State:
    """The state that an earlier run left on disk; what cannot be understood counts as never seen."""
    before = memory.get(_HOST, {}).get("boot_id", boot_id)
    machines = {}
    for key, value in memory.items():
        name, uri, condition = value.get("name"), value.get("uri"), value.get("condition")
        if not key.startswith(_PREFIX) or not isinstance(name, str) or not isinstance(uri, str):
            continue
        known = {c.value: c for c in Condition}.get(str(condition))
        if known is not None:
            named = Named(key.removeprefix(_PREFIX), name, uri)
            reported = value.get("reported", 0.0)
            machines[named.uuid] = Machine(
                named,
                known,
                reported=float(reported) if isinstance(reported, int | float) else 0.0,
                before_reboot=before != boot_id,
            )
    return State(machines, boot_noted=_HOST in memory and before == boot_id)
