"""From libvirt's domains to observations: which instance one is, how it stands, the order of what was seen.

Blocking calls, made on a connection's own thread, by the sources and by the effects.
"""

import itertools
from typing import Any

from masakarimonitors.instancemonitor.core.observation import Departure, Failed, Identity, Power, Reading
from masakarimonitors.instancemonitor.qemu_files import QemuFiles
from masakarimonitors.libvirt.domain_state import (
    PAUSED_API_ERROR,
    PAUSED_CRASHED,
    PAUSED_IOERROR,
    PAUSED_MIGRATION,
    PAUSED_POSTCOPY,
    PAUSED_POSTCOPY_FAILED,
    PAUSED_STARTING_UP,
    PAUSED_WATCHDOG,
    RUNNING_POSTCOPY_FAILED,
    DomainState,
    ShutoffReason,
    Suspended,
)
from masakarimonitors.libvirt.faults import is_about_the_connection
from masakarimonitors.libvirt.storage import storages_of
from masakarimonitors.libvirt.uri import is_of_this_qemu
from masakarimonitors.system.files.xml_text import read_xml

_POWER: dict[int, Power] = {
    DomainState.RUNNING: Power.RUNNING,
    DomainState.BLOCKED: Power.RUNNING,
    DomainState.PAUSED: Power.PAUSED,
    DomainState.SHUTDOWN: Power.PAUSED,
    DomainState.SHUTOFF: Power.OFF,
    DomainState.CRASHED: Power.PANICKED,
    DomainState.PMSUSPENDED: Power.PAUSED,
}
_WHILE_PAUSED = {
    PAUSED_CRASHED: Power.PANICKED,
    PAUSED_MIGRATION: Power.MIGRATING,
    PAUSED_STARTING_UP: Power.STARTING,
}
_HALTS = {
    PAUSED_IOERROR: Suspended.IOERROR,
    PAUSED_WATCHDOG: Suspended.WATCHDOG,
    PAUSED_MIGRATION: Suspended.MIGRATED,
    PAUSED_POSTCOPY: Suspended.POSTCOPY,
    PAUSED_POSTCOPY_FAILED: Suspended.POSTCOPY_FAILED,
    PAUSED_API_ERROR: Suspended.API_ERROR,
}
# So often one is read that is another each time it is looked at.
_TRIES = 3
_REASON = {reason.value: reason for reason in ShutoffReason}


class EventNumbers:
    """Numbers events as libvirt's thread hands them over; `last` is the newest."""

    def __init__(self) -> None:
        """Counts from 1."""
        self._count = itertools.count(1)
        self.last = 0

    def next(self) -> int:
        """The next event's number. Only libvirt's event thread calls this."""
        self.last = next(self._count)
        return self.last


def files_of(uri: str, files: QemuFiles) -> QemuFiles | None:
    """The folders of this host's QEMU driver, if they tell of the domains at `uri`."""
    return files if is_of_this_qemu(uri, files.own_names) else None


def identify(domain: Any, uri: str, files: QemuFiles | None = None) -> Identity:
    """Which instance a virDomain is, and in which of its lives, by `files`, too, if they are given; asks nobody."""
    name, run = domain.name(), max(0, domain.ID())
    born = files.born(name) if files is not None and run else 0
    return Identity(domain.UUIDString(), name, uri, run, born=born)


def host_of(connection: Any, libvirt: Any) -> str:
    """What a libvirt calls its host: a uuid, or nothing where it does not tell; raises libvirtError of a connection."""
    try:
        root = read_xml(connection.getCapabilities())
    except libvirt.libvirtError as error:
        if is_about_the_connection(error, libvirt):
            raise
        return ""
    except ValueError:
        return ""
    return (root.findtext("./host/uuid") or "").strip().lower()


def storages(domain: Any) -> tuple[str, ...]:
    """On what storages the disks of a virDomain are; raises libvirtError, or ValueError where its XML is none."""
    return storages_of(read_xml(domain.XMLDesc()))


def read(domain: Any, uri: str, files: QemuFiles | None) -> Reading:
    """A virDomain's state, with what the disk tells of one that is off; raises libvirtError.

    The two are of one moment: whoever is started between them has an end of the life before in its state, and in its
    log the beginning of the next, which looks like a death. libvirt calls it started before it writes that.
    """
    state = _state(domain)
    for _ in range(_TRIES):
        reading = _read(domain, state, uri, files)
        if files is None or reading.power not in (Power.OFF, Power.PANICKED):
            return reading
        before, state = state, _state(domain)
        if state == before:
            return reading
    return Reading(instance=identify(domain, uri), power=Power.UNKNOWN)


def _state(domain: Any) -> tuple[int, int]:
    state, reason = domain.state()
    return state, reason


def _read(domain: Any, stands: tuple[int, int], uri: str, files: QemuFiles | None) -> Reading:
    state, reason = stands
    power = _POWER.get(state, Power.UNKNOWN)
    if state == DomainState.PAUSED:
        power = _WHILE_PAUSED.get(reason, power)
    # Of what is being started the file of the life before may still be there.
    instance = identify(domain, uri, None if power is Power.STARTING else files)
    persistent = None if power in (Power.OFF, Power.UNKNOWN) else bool(domain.isPersistent())
    why = _REASON.get(reason, ShutoffReason.UNKNOWN) if power is Power.OFF else ShutoffReason.UNKNOWN
    if files is None or power not in (Power.OFF, Power.PANICKED):
        halt = _HALTS.get(reason) if state == DomainState.PAUSED else None
        if (state, reason) == (DomainState.RUNNING, RUNNING_POSTCOPY_FAILED):
            halt = Suspended.POSTCOPY_FAILED
        return Reading(instance=instance, power=power, reason=why, persistent=persistent, halt=halt)
    log = files.log(instance.name)
    return Reading(
        instance=instance,
        power=power,
        reason=why,
        process=files.process(instance.name),
        last_words=log.last_words if log else "",
        started=log.started if log else 0.0,
        ended=log.ended if log else 0.0,
        arrived=log.arrived if log else False,
        log_read=log is not None,
        failed=log.failed if log else Failed.NOTHING,
        departure=log.departure if log else Departure.UNTOLD,
        departed=log.departed if log else 0.0,
        persistent=persistent,
    )


def read_traces(instance: Identity, files: QemuFiles | None) -> Reading | None:
    """What the disk tells of an instance of which libvirt tells nothing; None where that proves nothing.

    A libvirtd that lives may be about to write down why it ended a QEMU, so that until it has the disk is silent.
    """
    if files is None:
        return None
    lives = files.is_kept()
    log, process = files.log(instance.name), files.process(instance.name)
    if log is None or (lives and not log.last_words):
        return None
    return Reading(
        instance=instance,
        power=Power.OFF,
        process=process,
        last_words=log.last_words,
        started=log.started,
        ended=log.ended,
        arrived=log.arrived,
        log_read=True,
        failed=log.failed,
        departure=log.departure,
        departed=log.departed,
    )
