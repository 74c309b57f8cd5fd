"""A report that the instance monitor's last life left undelivered: does it still hold? Pure.

In: where its instance stands at each configured libvirt. A death holds when its own libvirt was read in this life and
still shows the instance as dead, and every other one was read, too: it may live there. What masakari's engine only
files accuses nobody, and holds as it stands.
"""

import math
from collections.abc import Sequence

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.unconfirmed import Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.sight.connection import Connection
from masakarimonitors.instancemonitor.core.state import MISSES, Instance, State, subject_of


def judge(uris: Sequence[str], state: State, report: Unconfirmed, now: Instant) -> Word:
    """Whether the report still holds; `uris`: the libvirts that are configured."""
    told = report.told
    if not isinstance(told, VmNotification):
        return forget("it is about no instance")
    if not told.is_acted_on:
        return confirm("masakari only files it")
    for uri in uris:
        sight = state.libvirt(uri).sight
        if sight.is_away:
            return wait(f"libvirt {uri} is away, so nobody can see how the instance stands there")
        if sight is not Connection.SETTLED:
            return wait(f"libvirt {uri} has not been read yet")
    places = [state.instances.get((uri, told.instance_uuid)) for uri in uris]
    known = [one for one in places if one is not None]
    for one in known:
        obstacle = _unseen(one)
        if obstacle:
            return wait(obstacle)
    if not known:
        return forget("no configured libvirt knows the instance ([libvirt] connection_uri)")
    return _of_death(known) if told.is_death else _of_io_error(known, now)


def _unseen(instance: Instance) -> str:
    """Why it is not known how it stands, or nothing."""
    name, uri = instance.identity.name, instance.identity.uri
    if instance.unread and not instance.vanished:
        return f"libvirt {uri} does not tell how {name} stands"
    if 0 < instance.missed < MISSES or (instance.number < 0 and not instance.missed):
        return f"libvirt {uri} did not list {name}, and is asked once more"
    if instance.phase is Phase.VANISHED:
        return f"{name} vanished after its guest had crashed, and whether somebody has ended it is not known"
    if instance.phase is Phase.REMOVED:
        return f"the definition of {name} was removed, and whether it is about to be started anew is not known yet"
    if instance.before_reboot and instance.phase in DEAD:
        return (
            f"{name} was not seen to run since this host was restarted, and whether it was recovered with its host "
            "cannot be seen from here"
        )
    return ""


def _of_death(known: Sequence[Instance]) -> Word:
    alive = [one for one in known if one.phase in (Phase.UP, Phase.ARRIVING)]
    if alive:
        return withdraw(f"it is {alive[0].phase.value} at {alive[0].identity.uri}")
    if any(one.phase in DEAD for one in known):
        # Whether it has lived again unseen does not matter: it is off, and nobody is known to have wanted that.
        return confirm("libvirt was read, and it is still dead")
    if any(one.phase is Phase.UNSURE for one in known):
        return wait("it is off, and whether it died cannot be told")
    return withdraw("it is off because somebody wanted it so")


def _of_io_error(known: Sequence[Instance], now: Instant) -> Word:
    up = [one for one in known if one.phase is Phase.UP]
    if not up:
        return withdraw("it does not run any more")
    failing = [one for one in up if one.stories.failing and not _is_quiet(one, now)]
    if any(one.stories.failing_from < math.inf for one in failing):
        return confirm("it runs, and its I/O errors are not over")
    if failing:
        return wait(
            "it runs, and whether it still has I/O errors is known when it has another, or none for a while"
        )
    return withdraw("its I/O errors are over")


def _is_quiet(instance: Instance, now: Instant) -> bool:
    """Whether it has been seen to have no I/O error for a while; one that stands still makes no request."""
    looked_at = instance.stories.failed_at > -math.inf
    return looked_at and not instance.stands_still and instance.stories.quiet_at <= now.monotonic


def well(state: State, subject: str) -> str:
    """Why an instance needs nobody any more: it is up, and its disks work.

    One that is off, be it in order, may have been stopped for a recovery that went no further.
    """
    for one in state.instances.values():
        uri = one.identity.uri
        settled = state.libvirt(uri).sight is Connection.SETTLED
        if subject_of(one.identity) == subject and one.phase is Phase.UP and settled:
            # One that the last census did not list is kept as up until it is known why.
            seen = not one.unread and not one.missed
            return f"it is up at {uri}" if seen and not one.stories.failing else ""
    return ""
