"""A libvirt is heard no more, or again: what that means for all of its instances, and what is said of it. Pure."""

from collections.abc import Collection
from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict
from masakarimonitors.instancemonitor.core.observation import LibvirtAway
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.sight.connection import Shift
from masakarimonitors.instancemonitor.core.sight.hearing import Heard
from masakarimonitors.instancemonitor.core.state import Place, State


def begins(state: State, away: LibvirtAway, now: Instant) -> tuple[State, Decision]:
    """It cannot be heard: said once, shown until it is back. What happens there is not seen.

    Where no more is missing than a list of its instances, its events tell of them as ever: a death is reported at once.
    One that is away may have been heard a little in between, and is heard no more now: what its events have told of an
    instance holds no longer than they did.
    """
    uri, before = away.uri, state.libvirt(away.uri)
    since = before.since if before.sight.is_away else now.monotonic
    state = state.put_libvirt(uri, replace(before.shifted(Shift.LOST), reason=away.seen, since=since))
    if not away.heard:
        places = {place for place in state.instances if place[0] == uri}
        state = miss_events(state, places, now.wall.timestamp())
    if before.sight.is_away:
        return state, NOTHING
    told = "instances there are not watched at present; what dies meanwhile is found when libvirt is back"
    verdict = Verdict(f"libvirt:{uri}", Ruling.BLIND, told, evidence=away.seen, alarm=True, rule=Rule.SIGHT)
    return state, Decision((), (verdict,))


def miss_events(state: State, places: Collection[Place], since: float) -> State:
    """What is known of the instances at these places is what was: events may have been missed `since` (1970)."""
    missed = {
        place: replace(one, unheard=since).heard(Heard.AWAY)
        for place, one in state.instances.items()
        if place in places and not one.unwatched
    }
    return replace(state, instances={**state.instances, **missed}) if missed else state


def ends(state: State, uri: str, now: Instant) -> tuple[State, Decision]:
    """The libvirt at `uri` is heard (again)."""
    before = state.libvirt(uri)
    if not before.sight.is_away:
        return state, NOTHING
    instances = {
        place: replace(one, stories=one.stories.heard_again(before.since, now)) if place[0] == uri else one
        for place, one in state.instances.items()
    }
    verdict = Verdict(
        f"libvirt:{uri}",
        Ruling.RECOVERED,
        "libvirt is heard again; its instances are being compared",
        rule=Rule.SIGHT,
    )
    state = state.put_libvirt(uri, replace(before.shifted(Shift.HEARD), reason="", since=0.0))
    return replace(state, instances=instances), Decision((), (verdict,))
