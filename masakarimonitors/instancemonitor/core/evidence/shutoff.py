"""An instance is off now, and nobody heard why: did it die, or did somebody want it?

First libvirt's reason. Where libvirt has forgotten it (it keeps reasons in memory only, so they are
UNKNOWN after one more restart of libvirtd): whether QEMU lives, what libvirt wrote into the instance's
log, whether the whole host was restarted. "Its log cannot be read" and "its log tells of no end" are two
answers: only the second one, with a QEMU that is gone, is a death. Where nothing can be seen nobody is accused.
"""

from enum import Enum, auto

from masakarimonitors.instancemonitor.core.observation import Process, Reading
from masakarimonitors.libvirt.domain_state import ShutoffReason


class Fate(Enum):
    """What became of an instance that is off."""

    DIED = auto()
    PLANNED = auto()
    ALIVE = auto()
    UNSURE = auto()


_BY_REASON = {
    ShutoffReason.CRASHED: (Fate.DIED, "libvirt says that it crashed"),
    ShutoffReason.DAEMON: (Fate.DIED, "libvirtd lost it while connecting to it again, and ended it"),
    ShutoffReason.SHUTDOWN: (Fate.PLANNED, "it was shut down"),
    ShutoffReason.DESTROYED: (Fate.PLANNED, "it was switched off"),
    ShutoffReason.MIGRATED: (Fate.PLANNED, "it was migrated to another host"),
    ShutoffReason.SAVED: (Fate.PLANNED, "it was saved to disk"),
    ShutoffReason.FROM_SNAPSHOT: (Fate.PLANNED, "it was set back to an inactive snapshot"),
}
_DEATHS = {
    "crashed": "its log says that it crashed",
    "daemon": "its log says that libvirtd lost it",
}
_PLANNED = {
    "shutdown": "its log says that it was shut down",
    "destroyed": "its log says that it was switched off",
    "migrated": "its log says that it was migrated",
    "saved": "its log says that it was saved",
    "from snapshot": "its log says that it was set back to a snapshot",
}
_LATE = 30.0
"""Seconds by which one that was started may be seen late: a census is given up after so many."""
REBOOTED = "this host was restarted since, which is the host monitor's matter"


def judge(reading: Reading, *, before_reboot: bool, seen: float | None = None) -> tuple[Fate, str]:
    """What became of an instance that is off, and the sentence that says why.

    `before_reboot`: last seen before this host was started. What libvirt itself knows then is of a life after that;
    what stands in a log is not. `seen`: when it was last known to have been up, or to have died (seconds since 1970;
    0: not known; None: it was never seen up). What a host that crashes had not yet written is lost, and with it perhaps
    the last start: so the log's last words may be of an earlier life, unless they were written after that. So may they
    be where a disk without room has lost the beginning of that life: they are, if they are older than it.
    """
    if reading.reason in _BY_REASON:
        return _BY_REASON[reading.reason]
    if reading.process is Process.ALIVE:
        return Fate.ALIVE, "its QEMU process lives"
    if not reading.log_read:
        return Fate.UNSURE, f"{_forgotten(reading)}, and its log cannot be read"
    after = 0 < (seen or 0.0) <= reading.ended if before_reboot else not is_older(reading, seen or 0.0)
    of_that_life = seen is None or after
    if reading.last_words in _PLANNED and of_that_life:
        return Fate.PLANNED, f"{_forgotten(reading)}, but {_PLANNED[reading.last_words]}"
    if before_reboot:
        return Fate.UNSURE, REBOOTED
    if is_older(reading, seen or 0.0):
        return (
            Fate.UNSURE,
            f"{_forgotten(reading)}, and its log tells of nothing since it was last seen to start",
        )
    if reading.last_words in _DEATHS:
        return Fate.DIED, f"{_forgotten(reading)}, but {_DEATHS[reading.last_words]}"
    if reading.last_words or not reading.started:
        return Fate.UNSURE, f"{_forgotten(reading)}, and its log does not tell either"
    if reading.process is Process.GONE and reading.reason is ShutoffReason.UNKNOWN:
        return Fate.DIED, "its QEMU process is gone and nobody is known to have stopped it"
    return Fate.UNSURE, f"{_forgotten(reading)}, and whether its QEMU process lives cannot be seen from here"


def may_be_cut_off(reading: Reading) -> bool:
    """Whether its last life may be none: a start that was cut off by the end of its libvirtd.

    The next libvirtd ends a QEMU whose guest does not run yet, and calls that as it calls a QEMU that it has lost. If
    the last one ended before it had noted that QEMU, nobody knows of it any more, nor writes down its end.
    """
    if reading.arrived or reading.reason is ShutoffReason.CRASHED:
        return False
    return reading.reason is ShutoffReason.DAEMON or reading.last_words in ("", "daemon")


def tells_of_death(reading: Reading, since: float) -> bool:
    """Whether its log says itself that one died that was up `since` then (seconds since 1970)."""
    return reading.last_words in _DEATHS and 0 < since <= reading.ended


def is_older(reading: Reading, seen: float) -> bool:
    """Whether the last words of its log are older than a life that was first `seen` then (seconds since 1970).

    Words that are older than what they are to end show that the clock was set back, and nothing else.
    """
    return max(reading.started, 1.0) <= reading.ended < seen - _LATE


def _forgotten(reading: Reading) -> str:
    """Why libvirt's reason does not help. A start that fails is no death, and hides how the life before it ended."""
    if reading.reason is ShutoffReason.FAILED:
        return "libvirt tells only of a start that failed since"
    return "libvirt no longer knows why"


def describe(reading: Reading) -> str:
    """The evidence: what was seen, in a few words."""
    seen = [f"SHUTOFF/{reading.reason.name}", f"process {reading.process.name.lower()}"]
    if reading.last_words:
        seen.append(f"log: reason={reading.last_words}")
    elif not reading.log_read:
        seen.append("log not read")
    return ", ".join(seen)
