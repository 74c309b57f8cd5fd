"""When was a libvirt looked at: what is older than that was seen, what began since was seen by nobody.

Part of the decision, pure. A look begins with its census and counts when none of its readings waits any more; from then
on it is noted, on disk where that says something new.
"""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Remember
from masakarimonitors.instancemonitor.core.sight.connection import Shift
from masakarimonitors.instancemonitor.core.state import Instance, State, memo, memo_looks, noted


def looked_at(state: State, instance: Instance, now: Instant) -> float:
    """When its libvirt was looked at before its next reading (seconds since 1970).

    0: it never was, or by a clock that was ahead, so that what began since cannot be told from what is older.
    """
    looked = instance.read_before if instance.unread else state.looked.get(instance.identity.uri, 0.0)
    return looked if looked <= now.wall.timestamp() else 0.0


def begin_look(state: State, uri: str) -> State:
    """A census of this libvirt is judged: all of its readings by what was known before it, in whatever order."""
    return state.shifted(uri, Shift.BEGINS)


def look_at(state: State, uri: str, now: Instant) -> State:
    """This libvirt was read."""
    taken = state.libvirt(uri).shifted(Shift.TAKEN)
    return state.put_libvirt(uri, replace(taken, read_at=now.wall.timestamp()))


def note_looks(state: State, boot_id: str) -> tuple[State, Decision]:
    """On disk too, of those where no reading waits: the first look since the start, and one that lets forget."""
    waiting = {uri for uri, _ in state.aside}
    ready = {uri: one for uri, one in state.libvirts.items() if one.sight.is_due and uri not in waiting}
    leaving = {key: uri for key, uri in state.leaving.items() if uri in ready}
    moved = {
        uri: one.read_at
        for uri, one in ready.items()
        if not one.sight.is_noted or uri in leaving.values() or state.looked.get(uri, 0.0) > one.read_at
    }
    # What the memory is older than is noted with each instance of it before the boot is.
    first = state.rebooted and not noted(state)
    older = [memo(one) for one in state.instances.values() if first and one.before_reboot]
    kept = {one.key for one in state.instances.values() if memo(one).value is not None}
    state = replace(
        state,
        libvirts={**state.libvirts, **{uri: one.shifted(Shift.JUDGED) for uri, one in ready.items()}},
        leaving={key: uri for key, uri in state.leaving.items() if key not in leaving},
        looked={**state.looked, **moved},
    )
    if not moved:
        return state, NOTHING
    gone = [Remember(key, None) for key in leaving if key not in kept]
    return state, Decision(
        (*(one for one in older if one.value is not None), *gone, memo_looks(state, boot_id))
    )
