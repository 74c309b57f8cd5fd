"""A machine that was up is off now, and nobody heard why: did it die, or did somebody want it?

First libvirt's reason. Where libvirt has forgotten it (it keeps reasons in memory only, so they are
UNKNOWN after one more restart of libvirtd): whether QEMU lives, what libvirt wrote into the machine's
log, whether the whole host was restarted. Where nothing can be seen nobody is accused.
"""

from enum import Enum, auto

from masakarimonitors.instancemonitor.observation import Process, Reading, Reason


class Fate(Enum):
    """What became of a machine that is off."""

    DIED = auto()
    PLANNED = auto()
    ALIVE = auto()
    UNSURE = auto()


_BY_REASON = {
    Reason.CRASHED: (Fate.DIED, "libvirt says that it crashed"),
    Reason.FAILED: (Fate.DIED, "libvirt says that it failed to run"),
    Reason.DAEMON: (Fate.DIED, "libvirtd lost it while connecting to it again, and ended it"),
    Reason.SHUTDOWN: (Fate.PLANNED, "it was shut down"),
    Reason.DESTROYED: (Fate.PLANNED, "it was switched off"),
    Reason.MIGRATED: (Fate.PLANNED, "it was migrated to another host"),
    Reason.SAVED: (Fate.PLANNED, "it was saved to disk"),
    Reason.FROM_SNAPSHOT: (Fate.PLANNED, "it was set back to an inactive snapshot"),
}
_BY_LAST_WORDS = {
    "crashed": (Fate.DIED, "libvirt no longer knows why, but its log says that it crashed"),
    "failed": (Fate.DIED, "libvirt no longer knows why, but its log says that it failed"),
    "daemon": (Fate.DIED, "libvirt no longer knows why, but its log says that libvirtd lost it"),
    "shutdown": (Fate.PLANNED, "its log says that it was shut down"),
    "destroyed": (Fate.PLANNED, "its log says that it was switched off"),
    "migrated": (Fate.PLANNED, "its log says that it was migrated"),
    "saved": (Fate.PLANNED, "its log says that it was saved"),
    "from snapshot": (Fate.PLANNED, "its log says that it was set back to a snapshot"),
}


def of(reading: Reading, *, before_reboot: bool) -> tuple[Fate, str]:
    """What became of a machine that was up when last seen, and the sentence that says why.

    `before_reboot`: last seen before this host was started.
    """
    if reading.reason is not Reason.UNKNOWN:
        return _BY_REASON[reading.reason]
    if reading.process is Process.ALIVE:
        return Fate.ALIVE, "its QEMU process lives"
    if reading.last_words in _BY_LAST_WORDS:
        return _BY_LAST_WORDS[reading.last_words]
    if before_reboot:
        return Fate.UNSURE, "this host was restarted since, which is the host monitor's matter"
    if reading.process is Process.GONE:
        return Fate.DIED, "its QEMU process is gone and nobody is known to have stopped it"
    return (
        Fate.UNSURE,
        "libvirt no longer knows why, and whether its QEMU process lives cannot be seen from here",
    )


def evidence(reading: Reading) -> str:
    """What was seen, in a few words."""
    seen = [f"SHUTOFF/{reading.reason.name}", f"process {reading.process.name.lower()}"]
    if reading.last_words:
        seen.append(f"log: reason={reading.last_words}")
    return ", ".join(seen)
