"""Every order of events for one guest with one check, at the smallest size: no table refuses a move, no rule breaks.

States that differ only in when something was are one: ages are counted in steps of `PAUSE`, and old is old.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from masakarimonitors.core.decision import Woken
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Availability,
    Census,
    GuestRestarted,
    LibvirtAway,
    NotKnown,
)
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import Finding, Investigation
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import (
    PATIENCE,
    Delivery,
    is_under_way,
)
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Policy, Probe
from tests.fixtures.collecting import seldom
from tests.fixtures.guest_play import RUN, A, Play

PAUSE = 310.0
"""Seconds that pass at once: more than it takes to be called unknown, and half of what it takes to be given up."""

OLD = 2
"""Pauses after which nothing changes any more with age."""

WEB = "web"
POLICY = Policy(hostname="compute1", threshold=2, failures={WEB: 1}, reports_per_hour=0)

Event = Callable[[Play], Any]


def _reading(cpu: int, requests: int | None) -> Event:
    def read(play: Play) -> None:
        # Long enough after the last one to be compared with it.
        play.after(activity_window)
        before = play.state.guests[A].investigation.before
        base = before.cpu if before is not None else 0
        play.reads(cpu=base + cpu, requests=requests)

    activity_window = 5.0
    return read


EVENTS: dict[str, Event] = {
    "answers": lambda play: play.answers(),
    "its time is up": lambda play: play.misses(final=False),
    "misses": lambda play: play.misses(),
    "was not asked": lambda play: play.not_asked(),
    "check passes": lambda play: play.answers(probe=WEB),
    "check fails": lambda play: play.misses(probe=WEB),
    "check cannot be made": lambda play: play.not_asked(probe=WEB),
    "stands still": _reading(0, None),
    "idles": _reading(1, 0),
    "idles, unread": _reading(1, None),
    "works": _reading(1, 7),
    "is migrated": lambda play: play.reads(availability=Availability.BUSY),
    "not known": lambda play: play.feed(NotKnown(A, RUN, "no answer")),
    "runs": lambda play: play.seen(),
    "paused": lambda play: play.seen(availability=Availability.PAUSED),
    "agent closed": lambda play: play.seen(availability=Availability.AGENT_CLOSED),
    "masakari has it": lambda play: play.settled(),
    "masakari refuses it": lambda play: play.settled(delivered=False),
    "the engine's time is over": lambda play: play.after(PATIENCE.total_seconds()),
    "restarted": lambda play: play.feed(GuestRestarted(A, RUN, "rebooted")),
    "libvirt away": lambda play: play.feed(LibvirtAway("refused")),
    "libvirt back": lambda play: play.feed(Census(frozenset({A}))),
    "no rights": lambda play: play.feed(AgentsOutOfReach("refused")),
    "rights": lambda play: play.feed(AgentsInReach()),
    "look again": lambda play: play.feed(Woken(f"counters:{A}")),
    "still closed": lambda play: play.feed(Woken(f"closed:{A}")),
    "time passes": lambda play: play.after(PAUSE),
}


def play_of(state: Any, seconds: float) -> Play:
    play = Play(POLICY)
    play.state, play.seconds = state, seconds
    return play


def shape(play: Play) -> tuple[Any, ...]:
    """The state without names, words and moments."""
    guest = play.state.guests[A]

    def age(at: float | None, old: int = OLD) -> int | None:
        return None if at is None else min(old, int((play.seconds - at) // PAUSE))

    def probe(one: Probe) -> tuple[Any, ...]:
        ages = age(one.unusable_since, 1), age(one.charged_at, 1)
        told = one.delivery, is_under_way(one.delivery, one.delivered_at, play.now.wall)
        return one.phase, min(one.misses, 4), one.open_miss is None, one.hold, ages, told

    def look(one: Investigation) -> tuple[Any, ...]:
        read = None if one.before is None else one.before.requests is None
        return one.stage, read, age(one.moved_at, 1), age(one.dead_since), age(one.frozen_since)

    probes = {name: probe(one) for name, one in guest.probes.items()}
    where = (bool(play.state.away), bool(play.state.unaskable), tuple(play.state.storms))
    return (
        guest.availability,
        probes["heartbeat"],
        probes.get(WEB),
        look(guest.investigation),
        where,
    )


def reached(names: tuple[str, ...]) -> Iterator[tuple[Play, str, Play]]:
    """Each step of each distinct state: the play before, the event, the play after."""
    start = Play(POLICY).seen().answers().answers(probe=WEB)
    seen, queue = {shape(start)}, [(start.state, start.seconds)]
    while queue:
        state, seconds = queue.pop()
        for name in names:
            play = play_of(state, seconds)
            EVENTS[name](play)
            yield play_of(state, seconds), name, play
            if (key := shape(play)) not in seen:
                seen.add(key)
                queue.append((play.state, play.seconds))


WORLDS = {
    "silence": (
        "answers", "its time is up", "misses", "was not asked", "stands still", "idles, unread", "works", "not known",
        "masakari has it", "time passes",
    ),
    "excuses": (
        "answers", "misses", "was not asked", "stands still", "is migrated", "runs", "paused", "agent closed",
        "still closed", "masakari has it", "restarted", "time passes",
    ),
    "losses": (
        "answers", "its time is up", "misses", "stands still", "agent closed", "still closed", "libvirt away",
        "libvirt back", "no rights", "rights", "look again", "time passes",
    ),
    "checks": (
        "answers", "misses", "check passes", "check fails", "check cannot be made", "stands still", "is migrated",
        "runs", "time passes",
    ),
    "two reports": (
        "answers", "misses", "check passes", "check fails", "stands still", "works", "is migrated", "runs",
        "masakari has it", "masakari refuses it", "the engine's time is over",
    ),
}  # fmt: skip


def check(before: Guest, name: str, play: Play) -> None:
    after = play.state.guests[A]
    for probe, one in after.probes.items():
        was = before.probes.get(probe, Probe())
        if one.phase is Phase.REPORTED and was.phase is not Phase.REPORTED:
            assert play.notified, name
            assert was.phase in (Phase.ERROR, Phase.UNKNOWN, Phase.ACCUSED), (name, was)
            assert one.open_miss is None and not play.state.unseen("")
            assert after.availability in (Availability.RUNNING, Availability.AGENT_CLOSED)
            if probe == "heartbeat":
                assert after.investigation.finding is Finding.DEAD
        if was.phase is Phase.REPORTED and one.phase is not Phase.REPORTED:
            lives = after.investigation.finding is Finding.ALIVE
            excused = after.availability is not Availability.RUNNING
            over = "answer" in name or "passes" in name or name == "restarted"
            assert over or (was.delivery is Delivery.WAITING and (lives or excused)), name
        assert (one.phase is Phase.REPORTED) is (one.delivery is not Delivery.NONE), name
        if was.delivery is Delivery.WAITING and one.delivery is Delivery.NONE:
            assert play.withdrawn, f"{name}: what waits of {probe} holds no longer"
    waits = [one for one in after.probes.values() if one.delivery is Delivery.WAITING]
    assert len(waits) <= 1, name
    # What is withdrawn is all that waits: also that of a probe which still fails?
    assert not play.withdrawn or play.notified or not waits, name
    if play.notified:
        stood = {n: one for n, one in before.probes.items() if after.probes[n].delivery is one.delivery}
        now = play.now.wall
        assert not any(is_under_way(one.delivery, one.delivered_at, now) for one in stood.values()), name
    assert not (before.reported and not after.reported) or play.withdrawn
    assert len(play.notified) <= 1
    assert not (play.notified and name in ("answers", "restarted", "is migrated")), name


@pytest.mark.parametrize("world", WORLDS)
def test_no_order_of_events_breaks_a_rule(world: str) -> None:
    steps, phases = 0, set()
    with seldom():
        for before, name, play in reached(WORLDS[world]):
            check(before.state.guests[A], name, play)
            phases |= {probe.phase for probe in play.state.guests[A].probes.values()}
            steps += 1
    assert steps > 1000, "a world that is too small shows nothing"
    assert {Phase.HEALTHY, Phase.ERROR, Phase.REPORTED} <= phases
