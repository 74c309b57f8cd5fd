"""Why an instance is reported, or why not, at this moment: what stands between its end and masakari, in order. Pure.

In: the state as it is. Out: facts for people; nothing is asked or changed.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import Explained, GateSeen, Standing, Standings, gate, in_order, wall_at
from masakarimonitors.core.storm import Storm
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Leaving, Phase
from masakarimonitors.instancemonitor.core.state import Instance, State, moment, scopes_of, subject_of
from masakarimonitors.instancemonitor.core.told import Fate


class GateName(StrEnum):
    """The gates in their order."""

    HEARD = "its libvirt is heard"
    READ = "libvirt tells how it stands"
    DIED = "it has died"
    STORM = "no storm"
    HERE = "it is still to be found here"


_PHASES: Mapping[Phase, tuple[Standing, str]] = {
    Phase.UP: (Standing.WELL, "its QEMU lives"),
    Phase.ARRIVING: (Standing.WELL, "a live migration brings it here; it runs on its source"),
    Phase.DOWN: (
        Standing.UNWATCHED,
        "it is off because somebody wanted it so, or since before this monitor watched",
    ),
    Phase.UNSURE: (
        Standing.HELD,
        "it was up when last seen and is off now, and whether it died cannot be told",
    ),
    Phase.PANICKED: (Standing.TOLD, "its guest has crashed, and that is reported"),
    Phase.FAILED: (Standing.TOLD, "its QEMU is gone, and that is reported"),
    Phase.REMOVED: (Standing.TOLD, "its death is reported, and its definition was removed since"),
    Phase.VANISHED: (
        Standing.TOLD,
        "its guest had crashed, which is reported, and it has vanished unheard since",
    ),
}

_ARRIVING_OR_KEPT = "a live migration brings it here, or it came out of a file and is kept paused"


_UNTOLD: Mapping[Fate, tuple[Standing, str]] = {
    Fate.NOT_TAKEN: (
        Standing.HELD,
        "it died, and masakari has not taken the report, which is offered again when it may",
    ),
    Fate.DROPPED: (
        Standing.HELD,
        "it died, and its report was taken back, and is not offered again",
    ),
    Fate.WITH_HOST: (
        Standing.TOLD,
        "masakari did not take its own report, and was told after its death that the whole host failed",
    ),
}
"""Deaths of which masakari does not have the report, by what became of that."""


def explain(state: State, subject: str, now: Instant) -> Explained | None:
    """How that subject stands; at several libvirts, at the one where it is worst off. None where it is not known."""
    found = [one for one in state.instances.values() if subject_of(one.identity) == subject]
    if not found:
        return None
    instance = max(found, key=_badness)
    standing, why = _standing(state, instance)
    name, uri = instance.identity.name, instance.identity.uri
    return Explained(
        subject=subject,
        standing=standing,
        why=why,
        since=moment(instance.reported if instance.phase in DEAD else instance.held or instance.since),
        evidence=f"{name} at {uri}: {instance.phase.value}"
        + (f"; {instance.halted}" if instance.halted else ""),
        gates=_gates(state, instance, now),
    )


def count(state: State, now: Instant) -> Standings:
    """How many instances stand where; one that several libvirts know counts once."""
    worst: dict[str, Instance] = {}
    for instance in state.instances.values():
        subject = subject_of(instance.identity)
        known = worst.get(subject)
        if known is None or _badness(instance) > _badness(known):
            worst[subject] = instance
    return Counter(_standing(state, instance)[0] for instance in worst.values())


def _badness(instance: Instance) -> tuple[bool, bool, bool]:
    return instance.phase in DEAD, instance.phase is Phase.UNSURE, instance.phase is Phase.UP


def _standing(state: State, instance: Instance) -> tuple[Standing, str]:
    uri = instance.identity.uri
    if instance.phase not in DEAD:
        if (libvirt := state.libvirt(uri)).sight.is_away:
            return Standing.UNSEEN, f"its libvirt ({uri}) is away: {libvirt.reason}"
        if instance.hidden:
            return Standing.UNSEEN, instance.hidden
    if instance.halted:
        return Standing.SUSPECTED, f"it stands still: {instance.halted}"
    if instance.stories.due and _storm(state, instance) is not None:
        return Standing.HELD, "it has I/O errors, together with many others: a storm holds its report"
    if instance.phase in DEAD and instance.fate is Fate.NOT_TAKEN and instance.vanished:
        return Standing.HELD, (
            "it died, masakari has not taken the report, and libvirt does not list it any more, so that is not offered "
            "again"
        )
    if instance.phase in DEAD and instance.fate in _UNTOLD:
        standing, why = _UNTOLD[instance.fate]
        return standing, f"{why}: {instance.dropped}" if instance.dropped else why
    if instance.stories.fate is Fate.NOT_TAKEN:
        return Standing.HELD, (
            "it has I/O errors, and masakari has not taken the report, which is offered again at the next of them when "
            "it may"
        )
    if instance.phase is Phase.ARRIVING and instance.leaving is Leaving.MAYBE:
        return Standing.WELL, _ARRIVING_OR_KEPT
    return _PHASES[instance.phase]


def _storm(state: State, instance: Instance) -> Storm | None:
    return next((state.storms[scope] for scope in scopes_of(instance) if scope in state.storms), None)


def _gates(state: State, instance: Instance, now: Instant) -> tuple[GateSeen, ...]:
    libvirt, dead = state.libvirt(instance.identity.uri), instance.phase in DEAD
    storm = _storm(state, instance)
    elsewhere = instance.phase in (Phase.REMOVED, Phase.VANISHED) or (dead and instance.before_reboot)
    return in_order(
        [
            gate(
                GateName.HEARD,
                holds=libvirt.sight.is_away,
                why=libvirt.reason,
                release="libvirtd: what dies meanwhile is found when it is back.",
                since=wall_at(now, libvirt.since if libvirt.sight.is_away else None),
            ),
            gate(
                GateName.READ,
                holds=bool(instance.hidden),
                why=instance.hidden,
                release="libvirtd, or its log: it is asked again at each census.",
            ),
            gate(
                GateName.DIED,
                holds=instance.phase is Phase.UNSURE,
                why=_PHASES[Phase.UNSURE][1],
                release="Look whether it should run, and start it by hand; seen to run, it is well.",
                since=moment(instance.held),
                asked=dead or instance.phase is Phase.UNSURE or instance.stories.failing,
            ),
            gate(
                GateName.STORM,
                holds=storm is not None and instance.stories.due,
                why=f"many have I/O errors together ({storm.scope}): look at their storage" if storm else "",
                release="Calm: [libvirt] storm_hold seconds in which nothing changes.",
                since=wall_at(now, storm.began if storm else None),
                asked=dead or instance.stories.failing,
            ),
            gate(
                GateName.HERE,
                holds=elsewhere,
                why="it vanished after its guest had crashed: somebody may have had it started elsewhere"
                if instance.phase is Phase.VANISHED
                else "its definition was removed, or this host was restarted: it may live elsewhere by now",
                release="The next census: it is defined here again, or its report is taken back.",
                asked=dead,
            ),
        ]
    )
