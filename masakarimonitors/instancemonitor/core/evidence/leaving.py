"""Does its guest go on elsewhere? What events, readings and its log tell of live migrations away from here.

Pure. libvirt shows one that was brought back from a file and is kept paused as it shows the source of a live migration,
also for a moment after its own start, whatever has become of its QEMU. Which of them it is was told by events, and
stands in its log; where neither tells, it may have left.
"""

from masakarimonitors.instancemonitor.core.lifecycle import Leaving, Phase
from masakarimonitors.instancemonitor.core.observation import (
    Departure,
    DomainEvent,
    LifecycleChanged,
    Reading,
)
from masakarimonitors.instancemonitor.core.state import Instance
from masakarimonitors.libvirt.domain_state import Lifecycle, Suspended
from masakarimonitors.libvirt.life import Likeness

OF_MIGRATION = (Suspended.MIGRATED, Suspended.POSTCOPY, Suspended.POSTCOPY_FAILED)
"""Of a live migration, which leaves it open whether the guest runs here or there."""
WAS_LEAVING = (
    "it was being migrated when last heard of, and whether it goes on at the destination cannot be told"
)
DEPARTED = (
    "its log tells of a live migration away of which nobody heard how it ended, so whether it goes on at the "
    "destination cannot be told"
)
_DEAF = 20.0
"""Seconds after which a libvirt that is heard no more counts as away: its connection's keepalive."""
_UNDER_WAY = 86400.0
"""Seconds for which a migration may go on: nova gives one up after 800 s for each GiB, unless it is told otherwise."""


def heard(seen: DomainEvent, known: Instance) -> Leaving:
    """Whether its guest is held here for the end of a live migration, by this event or since an earlier one."""
    if not isinstance(seen, LifecycleChanged) or seen.event is not Lifecycle.SUSPENDED:
        return known.leaving
    return Leaving.YES if seen.detail in OF_MIGRATION else known.leaving


def is_source(reading: Reading, known: Instance) -> bool:
    """Whether a pause for a migration is that of a source, just before its guest has left."""
    if known.phase not in (Phase.UP, Phase.PANICKED):
        return False
    if known.identity.run and reading.instance.run:
        # One that may be of a later life counts as a source: its end is asked about, that of an arrival is none.
        return known.likeness(reading.instance) is not Likeness.ANOTHER
    return not known.unwatched


def is_doubtful(reading: Reading, known: Instance) -> bool:
    """Whether one that libvirt shows as held for a migration, and that is no source, may be no arrival either.

    What was brought back from a file and is kept paused looks the same, and its log begins as that of an arrival does.
    Events told which of them it is, if none can have been missed.
    """
    another = known.likeness(reading.instance) is Likeness.ANOTHER
    if known.phase is Phase.ARRIVING and not known.unwatched and not another:
        return known.leaving is Leaving.MAYBE
    return True


def hides_its_end(known: Instance) -> bool:
    """Whether "its QEMU ended" is not enough to tell what became of its guest: its log, or how it stands, may be.

    Where events may have been missed of it, what has ended may be a start, or a migration back to here, that failed.
    And libvirt says nothing of the migration of one that stands still already, since somebody or a failure has paused
    it, until that is over; of one without a definition it could not be asked any more.
    """
    if known.phase is Phase.UP and known.stands_still and known.defined is True:
        return known.leaving is not Leaving.YES  # else events have told
    return known.phase in (Phase.UP, Phase.ARRIVING) and (known.unwatched or known.leaving is Leaving.MAYBE)


def shown(known: Instance) -> Leaving:
    """Whether a source that libvirt shows as held for a migration leaves indeed.

    It is told by events, and may be so where they may have been missed. That no job of libvirt's is under way at it
    proves nothing: a libvirtd that ends before it knows how a migration did has none when it is back, and the guest
    runs at the destination.
    """
    missed = known.leaving is Leaving.NO and known.unwatched
    return Leaving.MAYBE if missed else known.leaving


def still(traces: Reading, known: Instance, *, looked: float) -> Leaving:
    """Whether an instance that has ended may go on elsewhere, now that its log is read, too; `looked`: as of a reading.

    What libvirt has told of its migration stands, whatever its log does not tell; and a log whose last life began after
    the one that was seen tells nothing of that. A migration that began unheard may have taken its guest away, and so
    may one that was under way when the monitor ended: nothing tells of it until its end. (If libvirtd ends, it fails.)
    """
    if known.leaving is Leaving.MAYBE:
        stayed = traces.departure is Departure.NONE and 0 < traces.started <= known.since
        return Leaving.NO if stayed else Leaving.MAYBE
    if known.leaving is Leaving.NO and known.phase is Phase.UP and known.stands_still:
        # libvirt shows no migration of it: one that its log tells of may have been aborted long ago, or be over.
        return Leaving.MAYBE if traces.departure is Departure.BEGUN else Leaving.NO
    if known.leaving is Leaving.NO and known.phase is Phase.UP and known.unwatched:
        last = max(known.since, looked, known.unheard - _DEAF) - (0.0 if known.unheard else _UNDER_WAY)
        unheard = traces.departure is Departure.BEGUN and not 0 < traces.departed <= last
        return Leaving.MAYBE if unheard else Leaving.NO
    return known.leaving


def why(leaves: Leaving, traces: Reading) -> str:
    """Why it cannot be told whether one that has ended goes on elsewhere."""
    begun = leaves is Leaving.MAYBE and traces.departure is Departure.BEGUN
    return DEPARTED if begun else WAS_LEAVING
