"""What libvirt is asked takes time to come: which look is older than what is known already? Pure.

A look, a census or an answer, knows nothing of what happened after it had begun, and may be told late. So it says
nothing of an instance of which an event of its life was heard, or another look judged, that came after its beginning.
What else is heard of it, of its disks, its watchdog or libvirt's hold on it, outdates no look: nothing may follow it.
A libvirtd that loses a QEMU while it connects to it again may say that it has lost control, and then ends it without
any event, so that only a look tells of this death, perhaps one that had begun before. One that is not known, since it
was never seen or is forgotten, is known by the last census all the same: that did not list it.
"""

from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.instancemonitor.core.evidence.looks import looked_at
from masakarimonitors.instancemonitor.core.lifecycle import DEAD
from masakarimonitors.instancemonitor.core.observation import Census, DomainEvent, LifecycleChanged, Rebooted
from masakarimonitors.instancemonitor.core.sight.legible import Look
from masakarimonitors.instancemonitor.core.state import Instance, Place, State


def is_outdated(state: State, census: Census) -> bool:
    """Whether a census that began later was judged before this one."""
    return census.after < state.as_of.get(census.uri, 0)


def take(state: State, census: Census) -> State:
    """From now on what is not known at this libvirt is known not to have been there; what waits of it is over."""
    there = {(census.uri, reading.instance.uuid) for reading in census.readings}
    aside = {at: one for at, one in state.aside.items() if at[0] != census.uri or at in there}
    # A libvirt that does not tell its host this time has not moved to another one.
    hosts = {**state.hosts, census.uri: census.host} if census.host else state.hosts
    return replace(state, as_of={**state.as_of, census.uri: census.after}, aside=aside, hosts=hosts)


def leave_open(state: State, census: Census, now: Instant) -> State:
    """Whose report a census would let go of which it has told nothing, since an event overtook it: they stay open.

    Who was reported dead may have lived again unheard. An event that tells of no life, that its definition was changed,
    say, overtakes the look that would have shown that; so the next one is waited for.
    """
    open_ = {
        place: one.looked(Look.OVERTAKEN, looked_at(state, one, now))
        for place, one in state.instances.items()
        if place[0] == census.uri
        and one.phase in DEAD
        and one.unwatched
        and not one.unread
        and is_overtaken(state, place, census.after)
    }
    return replace(state, instances={**state.instances, **open_}) if open_ else state


def heard(state: State, known: Instance, seen: DomainEvent) -> int:
    """The number of the last event that outdates looks at an instance, now that `seen` was heard of it."""
    if isinstance(seen, LifecycleChanged | Rebooted) or known.place not in state.instances:
        return seen.number
    return max(0, known.number)


def is_overtaken(state: State, place: Place, after: int) -> bool:
    """Whether a look that began after event number `after` is older than what is known of the instance at `place`."""
    aside, instance = state.aside.get(place), state.instances.get(place)
    if aside is not None and after < aside.after:
        return True
    if instance is None:
        return after < state.as_of.get(place[0], 0)
    return after < max(instance.number, instance.as_of)


def are_traces_overtaken(instance: Instance, after: int) -> bool:
    """Whether what the disk told then is older than what is known; that libvirt does not list it tells no more."""
    return after < (instance.number if instance.missed else max(instance.number, instance.as_of))
