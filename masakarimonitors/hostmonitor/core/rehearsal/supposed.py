"""The world around a play: who answers what, so many seconds after it is asked. Pure; every answer is a supposition.

Hosts that die say nothing and are off; hosts that only lose links live on. A BMC proves what it is asked if one is
known. masakari takes each report, puts the host on maintenance, and lists its segments every minute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Command, Instant, Notify
from masakarimonitors.core.notification import HostEvent, HostNotification, HostStatus
from masakarimonitors.core.rehearsal.stage import Happens
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    CheckLife,
    CheckPower,
    Life,
    LifeSeen,
    LookUpReports,
    Outcome,
    Power,
    PowerSeen,
    ProofKind,
    Registry,
    ReportsFound,
)
from masakarimonitors.hostmonitor.core.state import Segments

BMC = 1.0
"""Seconds that a BMC takes to answer."""
SILENCE = 3.0
"""Seconds after which nothing of a host has answered."""
MASAKARI = 1.0
"""Seconds that masakari-api takes to answer."""
LISTED = 60.0
"""Seconds between two readings of masakari's segments."""

SUPPOSED = "supposed"
"""The evidence of what nobody has seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What is taken for true of the world.

    `bmcs`: the hosts, casefolded, of which a BMC is known. `unchecked`: nobody looks whether a host is off, and it
    counts as off. `bmcs_answer`: False where the BMCs are lost with their hosts. `fenced`: seconds after which the
    cluster engine has fenced a host; None: it does not. `alive`: the hosts lose links and live on.
    """

    bmcs: frozenset[str] = frozenset()
    unchecked: bool = False
    bmcs_answer: bool = True
    fenced: float | None = None
    alive: bool = False

    def provable(self, host: str) -> bool:
        """Whether it could be proven that the host is off."""
        return not self.alive and (
            self.fenced is not None or (self.bmcs_answer and host.casefold() in self.bmcs)
        )

    def proof(self, host: str) -> str:
        """By what its death is proven, or why it is not, in a few words."""
        if self.alive:
            return "it lives on"
        if self.fenced is not None:
            return "by fencing"
        if self.unchecked:
            return "not checked: it counts as off"
        if host.casefold() not in self.bmcs:
            return "none: no BMC is named for it"
        return "by its BMC" if self.bmcs_answer else "none: its BMC does not answer"


@dataclass(slots=True)
class World:
    """Answers what the core asks; remembers what masakari was told, and what it had before."""

    supposed: Supposed
    registered: Mapping[str, bool] | None = None
    """Host -> on maintenance, as masakari lists them; None: it is not asked."""
    before: Segments = field(default_factory=Segments)
    told: set[str] = field(default_factory=set)

    def registry(self, now: Instant) -> Registry | None:
        """What masakari lists now."""
        if self.registered is None:
            return None
        hosts = {name: flag or name in self.told for name, flag in self.registered.items()}
        return Registry(
            hosts,
            SUPPOSED,
            now,
            disabled=frozenset(name for name in hosts if self.before.recovers_nothing(name)),
            segments={
                name: self.before.named[name.casefold()]
                for name in hosts
                if name.casefold() in self.before.named
            },
        )

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case CheckPower():
                yield BMC, lambda now: self._power(command, now)
            case CheckLife(host):
                life = Life.ALIVE if self.supposed.alive else Life.SILENT
                yield (
                    MASAKARI if self.supposed.alive else SILENCE,
                    lambda now: LifeSeen(
                        host=host, life=life, evidence=SUPPOSED, at=now, in_reply_to=command
                    ),
                )
            case LookUpReports(host):
                yield (
                    MASAKARI,
                    lambda now: ReportsFound(
                        host=host, found=False, evidence=SUPPOSED, at=now, in_reply_to=command
                    ),
                )
            case Notify(HostNotification() as told) if told.event is HostEvent.STOPPED:
                yield MASAKARI, lambda now: self._take(told, now)

    def _power(self, command: CheckPower, now: Instant) -> PowerSeen:
        supposed, host = self.supposed, command.host
        power, kind = Power.NO_PROOF, None
        if supposed.unchecked:
            power, kind = Power.OFF, ProofKind.UNCHECKED
        elif supposed.bmcs_answer and host.casefold() in supposed.bmcs:
            power, kind = Power.ON if supposed.alive else Power.OFF, ProofKind.BMC
        evidence = supposed.proof(host) if power is Power.NO_PROOF else SUPPOSED
        return PowerSeen(host=host, power=power, evidence=evidence, at=now, in_reply_to=command, kind=kind)

    def _take(self, told: HostNotification, now: Instant) -> Answered:
        if told.host_status is HostStatus.NORMAL:
            self.told.add(told.hostname)
        return Answered(
            host=told.hostname,
            made_at=told.generated_time,
            host_status=told.host_status,
            outcome=Outcome.ACCEPTED,
            why=SUPPOSED,
            at=now,
        )
