"""A libvirt is heard no more, or again: what that means for all of its instances, and what is said of it. Pure."""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.sight.hearing import Heard
from masakarimonitors.instancemonitor.core.state import State


def begins(state: State, uri: str, seen: str, now: Instant) -> tuple[State, Decision]:
    """The libvirt at `uri` cannot be heard: said once, shown until it is back. What happens there is not seen."""
    if uri in state.away:
        return replace(state, away={**state.away, uri: seen}), NOTHING
    instances = {
        place: replace(one, unheard=one.unheard if one.unwatched else now.wall.timestamp()).heard(Heard.AWAY)
        if place[0] == uri
        else one
        for place, one in state.instances.items()
    }
    told = "instances there are not watched at present; what dies meanwhile is found when libvirt is back"
    verdict = Verdict(f"libvirt:{uri}", Ruling.BLIND, told, evidence=seen, alarm=True, rule=Rule.SIGHT)
    away, settled = {**state.away, uri: seen}, state.settled - {uri}
    since = {**state.away_since, uri: now.monotonic}
    state = replace(state, away=away, away_since=since, settled=settled, instances=instances)
    return state, Decision((), (verdict,))


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
