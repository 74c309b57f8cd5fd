"""From libvirt's objects to observations: a machine's name, its state, the order of what was seen.

Blocking calls, made on a connection's own thread, by the sources and by the effects.
"""

import itertools
import urllib.parse
from typing import Any

from masakarimonitors.instancemonitor.evidence import Evidence
from masakarimonitors.instancemonitor.observation import Named, Power, Reading, Reason
from masakarimonitors.system.libvirt import is_local

_POWER = {
    1: Power.RUNNING,  # running
    2: Power.RUNNING,  # blocked
    3: Power.PAUSED,
    4: Power.PAUSED,  # being shut down
    5: Power.OFF,
    6: Power.PANICKED,
    7: Power.PAUSED,  # suspended by the guest
}
"""libvirt's virDomainState."""
_PAUSED, _PAUSED_CRASHED = 3, 10
_REASON = {reason.value: reason for reason in Reason}


class Numbers:
    """Numbers events as libvirt's thread hands them over; `last` is the newest."""

    def __init__(self) -> None:
        """Counts from 1."""
        self._count = itertools.count(1)
        self.last = 0

    def next(self) -> int:
        """The next event's number. Only libvirt's event thread calls this."""
        self.last = next(self._count)
        return self.last


def evidence_of(uri: str, evidence: Evidence) -> Evidence | None:
    """Whether the folders of this host's QEMU driver tell of the machines at `uri`."""
    return evidence if is_local(uri) and urllib.parse.urlsplit(uri).path == "/system" else None


def named(domain: Any, uri: str) -> Named:
    """Who a virDomain is; asks nobody."""
    return Named(domain.UUIDString(), domain.name(), uri)


def read(domain: Any, uri: str, evidence: Evidence | None) -> Reading:
    """A virDomain's state, with what the disk tells of one that is off; raises libvirtError."""
    state, reason = domain.state()
    machine = named(domain, uri)
    power = _POWER.get(state, Power.UNKNOWN)
    if (state, reason) == (_PAUSED, _PAUSED_CRASHED):
        power = Power.PANICKED
    why = _REASON.get(reason, Reason.UNKNOWN) if power is Power.OFF else Reason.UNKNOWN
    if evidence is None or power not in (Power.OFF, Power.PANICKED):
        return Reading(machine, power, why)
    log = evidence.log(machine.name)
    return Reading(machine, power, why, evidence.process(machine.name), log.last_words, log.started)
