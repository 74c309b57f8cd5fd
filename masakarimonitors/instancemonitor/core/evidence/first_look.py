"""One monitor, several libvirts: who died at one of them may run at another one.

Part of the decision, pure. After a start nobody is accused by a reading before every configured libvirt was read
once, or `PATIENCE` has passed: what would accuse is put aside until then. And whenever a reading or an absence would
accuse: is the instance known to run, or was it last seen, at another libvirt? And two URIs may lead to one libvirt:
what one of them tells of a life whose death was told by the other is no second death.
"""

from collections.abc import Iterator
from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, WakeAt
from masakarimonitors.instancemonitor.core.evidence import leaving
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Act, Fact, Leaving, Phase, Seen, move
from masakarimonitors.instancemonitor.core.observation import Power, Reading
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.sight.connection import Shift
from masakarimonitors.instancemonitor.core.state import Aside, Instance, Place, State
from masakarimonitors.libvirt.life import Likeness

PATIENCE = 30.0
"""Seconds for which a reading that accuses waits after a start for a libvirt that was not read yet. A libvirtd that
hangs is known to be away after 20 s, and a census is given up after 30 s."""

_LATE = 5.0
"""Seconds by which the end of that time may be noticed late; by more, this process stood still, and heard nothing."""

FIRST_LOOK = "first look"
"""The WakeAt key that ends the waiting."""

_ACCUSATIONS = (Fact.DIED, Fact.PANICKED, Fact.UNSURE)
_DEATHS_AS_THEY_HAPPEN = (Fact.ENDED, Fact.PANICKED)
_NO_TWIN = (None, Likeness.UNTOLD)


def must_wait(state: State, uri: str) -> bool:
    """Whether another libvirt than `uri` was not read yet, which may tell that the instance lives there."""
    return bool(state.awaited - {uri})


def accuses(phase: Phase, facts: tuple[Seen, ...]) -> bool:
    """Whether these facts, one after another, would report an instance that stands at `phase`."""
    for seen in facts:
        phase, acts = move(phase, seen.fact)
        if Act.REPORT in acts:
            return True
    return False


def is_off(state: State, known: Instance) -> bool:
    """Whether a reading of it waits by which it is off: its libvirt keeps a definition of it, or would not list it."""
    waits = state.aside.get(known.place)
    return waits is not None and waits.reading.power is Power.OFF


def put_aside(state: State, reading: Reading, after: int, now: Instant) -> tuple[State, Decision]:
    """Judge this reading when every libvirt has been read; the first one that waits sets the time."""
    place = (reading.instance.uri, reading.instance.uuid)
    state = replace(state, aside={**state.aside, place: Aside(reading, after)})
    return (state, NOTHING) if state.waits_until is not None else _wait(state, now)


def _wait(state: State, now: Instant) -> tuple[State, Decision]:
    until = now.monotonic + PATIENCE
    return replace(state, waits_until=until), Decision((WakeAt(FIRST_LOOK, until),))


def without(state: State, place: Place) -> State:
    """A newer reading of an instance replaces the one that waits."""
    if place not in state.aside:
        return state
    return replace(state, aside={at: one for at, one in state.aside.items() if at != place})


def take_up(state: State) -> tuple[State, tuple[Aside, ...], Decision]:
    """Every libvirt was read: what was put aside is to be judged now."""
    if not state.aside and state.waits_until is None:
        return state, (), NOTHING
    decision = Decision((WakeAt(FIRST_LOOK, None),)) if state.waits_until is not None else NOTHING
    return replace(state, aside={}, waits_until=None), tuple(state.aside.values()), decision


def give_up(state: State, now: Instant) -> tuple[State, Decision]:
    """The time is up: what waits is judged without those that could not be read, which are awaited no longer.

    Who stood still meanwhile, however long, waits anew: the others were not asked, or their answers not heard.
    """
    if state.waits_until is not None and now.monotonic > state.waits_until + _LATE:
        return _wait(state, now)
    verdicts = tuple(_given_up(uri, state) for uri in sorted(state.awaited))
    for uri in state.awaited:
        state = state.shifted(uri, Shift.GIVEN_UP)
    return state, Decision((), verdicts)


def _given_up(uri: str, state: State) -> Verdict:
    told = (
        f"it could not be read for {PATIENCE:g} s since the start, so deaths at the other libvirts are judged without "
        "it: look whether what is reported runs there"
    )
    return Verdict(
        f"libvirt:{uri}",
        Ruling.BLIND,
        told,
        evidence=state.away.get(uri, "no answer"),
        alarm=True,
        rule=Rule.FIRST_LOOK,
    )


def told_elsewhere(
    state: State, known: Instance, seen: tuple[Seen, ...], *, started: float, now: float
) -> tuple[Seen, ...]:
    """What a reading proves, unless it is the end of a life that is reported at another URI of the same libvirt.

    `started`: when by its log that life began (0: it does not tell); `now` is the wall clock (seconds since 1970).
    """
    accused = any(one.fact in _ACCUSATIONS for one in seen)
    twin, likeness = _twin(state, known, started, now) if accused else _NO_TWIN
    return seen if twin is None else (_told_at(known, twin, likeness, seen[-1].evidence),)


def _told_at(known: Instance, twin: Instance, likeness: Likeness, evidence: str) -> Seen:
    if likeness is Likeness.UNTOLD:
        why = (
            f"{known.identity.uri} and {twin.identity.uri} lead to the same libvirt, and whether its death is the one "
            "that is reported already or that of a later life cannot be told: look at it, and take one of them out of "
            "[libvirt] connection_uri"
        )
        return Seen(Fact.UNSURE, why, evidence)
    why = (
        f"its death is reported already, since {known.identity.uri} and {twin.identity.uri} lead to the same libvirt: "
        "take one of them out of [libvirt] connection_uri"
    )
    return Seen(Fact.STOPPED, why, evidence)


def _twin(
    state: State, known: Instance, started: float = 0.0, now: float = 0.0
) -> tuple[Instance | None, Likeness]:
    """The same life as another URI tells of it, if its death is reported there, and how sure it is the same.

    Both libvirts name the same host, and the life has the same number or began at the same moment. That its libvirt is
    the same proves nothing as long as it may live there: then the next look settles it.
    """
    host = state.hosts.get(known.identity.uri)
    for other in _elsewhere(state, known):
        if not host or host != state.hosts.get(other.identity.uri) or other.phase not in DEAD:
            continue
        # The last life there: one that began later than the death that was reported would be another one. By a clock
        # that was set back since it may have begun later all the same.
        if 0 < started == other.life or 0 < started <= other.reported <= now:
            return other, Likeness.SAME
        # Each of the two may have been seen at a libvirtd that was started anew since the other one was.
        likeness = (known if known.unwatched else other).likeness(
            other.identity if known.unwatched else known.identity
        )
        if 0 < known.identity.run == other.identity.run and likeness is not Likeness.ANOTHER:
            return other, likeness
    return _NO_TWIN


def checked(state: State, known: Instance, seen: Seen) -> Seen:
    """What was seen proves, in the light of what is known of the same instance elsewhere."""
    if seen.fact not in (_DEATHS_AS_THEY_HAPPEN if seen.news else _ACCUSATIONS):
        return seen
    if Act.REPORT in move(known.phase, seen.fact)[1]:
        twin, likeness = _twin(state, known)
        if twin is not None:
            return _told_at(known, twin, likeness, seen.evidence)
    runs = [other for other in _elsewhere(state, known) if _runs(other)]
    if not seen.news and (others := [other for other in runs if not _is_one_life(state, known, other)]):
        return Seen(Fact.STOPPED, f"it runs at {others[0].identity.uri}", seen.evidence)
    if runs and Act.REPORT in move(known.phase, seen.fact)[1]:
        # Its end there may be told in a moment, over a connection of its own: the next look here settles it.
        return Seen(Fact.UNSURE, f"{seen.why}, but it runs at {runs[0].identity.uri}", seen.evidence)
    if seen.fact is Fact.ENDED and known.phase is Phase.UP and known.leaving is Leaving.YES:
        # Its guest may have arrived already, which only the destination knows.
        return Seen(Fact.UNSURE, f"{seen.why}, but {leaving.WAS_LEAVING}", seen.evidence)
    if seen.news or Act.REPORT not in move(known.phase, seen.fact)[1]:
        return seen
    for other in _elsewhere(state, known):
        if other.phase is Phase.UP:
            why = f"{seen.why}, but it was last seen up at {other.identity.uri}, too, which cannot be read at present"
            return Seen(Fact.UNSURE, why, seen.evidence)
    return seen


def _is_one_life(state: State, known: Instance, other: Instance) -> bool:
    """Whether two URIs of one libvirt tell of one life: that it runs by one of them, which was read before, is old."""
    host = state.hosts.get(known.identity.uri)
    same = 0 < known.identity.run == other.identity.run
    return same and bool(host) and host == state.hosts.get(other.identity.uri)


def _runs(instance: Instance) -> bool:
    """Whether it is seen to run there; one that is held there for the end of its migration does not go on there."""
    return instance.phase is Phase.UP and not instance.unwatched and instance.leaving is Leaving.NO


def _elsewhere(state: State, known: Instance) -> Iterator[Instance]:
    for place, other in state.instances.items():
        if place[1] == known.identity.uuid and place != known.place:
            yield other
