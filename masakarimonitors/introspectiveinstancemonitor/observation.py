"""What the introspective monitor sees: frozen facts about machines, answers and counters.

Made by the sources (discovery, heartbeat, application checks) and by the answer to `ReadCounters`;
read by the decision. `run` names one life of a machine, from its start to its stop: what was asked of
one life says nothing about the next. `where` is the libvirt (its URI) that said so; several may be
watched.
"""

from dataclasses import dataclass
from enum import StrEnum

HEARTBEAT = "heartbeat"
"""The probe that every watched machine has; the others are named after their application check."""


class Standing(StrEnum):
    """Whether silence of this machine would mean anything now. Only RUNNING is judged."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTTING_DOWN = "shutting down"
    BUSY = "being migrated, saved, dumped or backed up"
    AGENT_CLOSED = "guest agent closed from inside"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine whose guest-agent channel is watched, and how it stands."""

    uuid: str
    name: str
    run: str
    standing: Standing
    where: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A machine that is not running here any more, or has no channel to watch; `why` in words."""

    uuid: str
    why: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The guest began anew: libvirt said STARTED or REBOOT. `run` is the life that begins (or goes on)."""

    uuid: str
    run: str
    why: str


@dataclass(frozen=True, slots=True)
class Unwatched:
    """A running machine that cannot be watched, and why not."""

    uuid: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Roll:
    """A full list of the watched machines of one libvirt was read: whoever is not in `present` is gone."""

    present: frozenset[str]
    unwatched: tuple[Unwatched, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """A libvirt cannot be asked: nothing is known of its machines until its next `Roll`."""

    why: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The guest answered probe `probe`, `took` seconds after it was asked. It lives, however late it was."""

    uuid: str
    run: str
    probe: str
    took: float
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """No answer, or a wrong one, to question number `question` of `probe`.

    `final` is False while the call is still under way: a time-out has passed, and a `Void` or an
    `Answered` may yet follow.
    """

    uuid: str
    run: str
    probe: str
    question: int
    evidence: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Void:
    """Question number `question` turned out not to have been put to the guest: its miss must not count."""

    uuid: str
    run: str
    probe: str
    question: int
    why: str


@dataclass(frozen=True, slots=True)
class VcpuTime:
    """One virtual processor's nanoseconds since the machine's start: run, and waited for a host processor."""

    ran: int
    waited: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What a machine has done so far, as libvirt counts it from outside; taken at monotonic second `at`.

    `cpu` is the QEMU process's processor time in nanoseconds. `requests` is the number of block requests
    completed (reads, writes and flushes over all disks), None when it was not read; `unread` says why.
    `mute` is True when QEMU's monitor was asked for them and did not answer in time.
    """

    uuid: str
    run: str
    at: float
    standing: Standing
    cpu: int
    vcpus: tuple[VcpuTime, ...] = ()
    requests: int | None = None
    unread: str = ""
    mute: bool = False


@dataclass(frozen=True, slots=True)
class NotKnown:
    """libvirt gave no counters and no state for this machine: unknown, so nobody is accused on it."""

    uuid: str
    run: str
    why: str


Observation = Seen | Gone | Restarted | Roll | Away | Answered | Missed | Void | Counters | NotKnown
