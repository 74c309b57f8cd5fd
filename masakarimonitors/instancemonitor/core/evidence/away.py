"""A libvirt is heard no more, or again: what that means for all of its instances, and what is said of it. Pure."""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict
from masakarimonitors.instancemonitor.core.observation import LibvirtAway
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.sight.hearing import Heard
from masakarimonitors.instancemonitor.core.state import State


def begins(state: State, away: LibvirtAway, now: Instant) -> tuple[State, Decision]:
    """It cannot be heard: said once, shown until it is back. What happens there is not seen.

    Where no more is missing than a list of its instances, its events tell of them as ever: a death is reported at once.
    One that is away may have been heard a little in between, and is heard no more now: what its events have told of an
    instance holds no longer than they did.
    """
    uri, is_new = away.uri, away.uri not in state.away
    state = replace(state, away={**state.away, uri: away.seen})
    if not away.heard:
        state = _miss_events(state, uri, now)
    if not is_new:
        return state, NOTHING
    told = "instances there are not watched at present; what dies meanwhile is found when libvirt is back"
    verdict = Verdict(f"libvirt:{uri}", Ruling.BLIND, told, evidence=away.seen, alarm=True, rule=Rule.SIGHT)
    since = {**state.away_since, uri: now.monotonic}
    return replace(state, away_since=since, settled=state.settled - {uri}), Decision((), (verdict,))


def _miss_events(state: State, uri: str, now: Instant) -> State:
    missed = {
        place: replace(one, unheard=now.wall.timestamp()).heard(Heard.AWAY)
        for place, one in state.instances.items()
        if place[0] == uri and not one.unwatched
    }
    return replace(state, instances={**state.instances, **missed}) if missed else state


def ends(state: State, uri: str, now: Instant) -> tuple[State, Decision]:
    """The libvirt at `uri` is heard (again)."""
    if uri not in state.away:
        return state, NOTHING
    since = state.away_since[uri]
    instances = {
        place: replace(one, stories=one.stories.heard_again(since, now)) if place[0] == uri else one
        for place, one in state.instances.items()
    }
    rest = {u: seen for u, seen in state.away.items() if u != uri}
    others = {u: at for u, at in state.away_since.items() if u != uri}
    verdict = Verdict(
        f"libvirt:{uri}",
        Ruling.RECOVERED,
        "libvirt is heard again; its instances are being compared",
        rule=Rule.SIGHT,
    )
    return replace(state, away=rest, away_since=others, instances=instances), Decision((), (verdict,))
