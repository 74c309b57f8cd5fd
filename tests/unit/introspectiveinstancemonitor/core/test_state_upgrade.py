"""What the introspective monitor of an earlier release remembered: the same phases and reports after an upgrade."""

import datetime

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.memory import restore
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Answered,
    Availability,
    Census,
    GuestSeen,
)
from masakarimonitors.introspectiveinstancemonitor.core.state import Policy, memo
from tests.fixtures import old_state
from tests.fixtures.guest_play import Play

MEMORY = old_state.memory("introspectiveinstancemonitor")
HERE = "qemu:///system"
THERE = "qemu+tcp://127.0.0.1:16510/system"

HEALTHY = {"heartbeat": "healthy"}
REPORTED = {"heartbeat": "reported"}

# Number of the guest: its libvirt, what its probes stand at, when it was reported (minutes:seconds).
GUESTS = {
    1: (HERE, {**HEALTHY, "web": "healthy"}, []),
    3: (THERE, HEALTHY, []),
    4: (HERE, {**HEALTHY, "web": "reported"}, ["00:35"]),
    5: (THERE, REPORTED, ["00:25", "02:00"]),
    6: (HERE, REPORTED, ["17:55"]),
    7: (HERE, REPORTED, ["14:20"]),
    8: (HERE, HEALTHY, ["00:50"]),
    9: (HERE, REPORTED, ["01:05"]),
    10: (HERE, REPORTED, ["00:10"]),
    11: (HERE, REPORTED, ["18:10"]),
    12: (HERE, REPORTED, ["19:00"]),
    13: (HERE, REPORTED, ["01:20"]),
    14: (HERE, {}, ["01:35"]),
    15: (HERE, {}, ["02:15"]),
    16: (HERE, {**HEALTHY, "web": "healthy"}, []),
    17: (HERE, REPORTED, ["18:25"]),
}
OUTAGES = [number for number, (_, phases, _) in GUESTS.items() if "reported" in phases.values()]


def uuid(number: int) -> str:
    return f"{number:08d}-1111-4111-8111-111111111111"


def run(number: int) -> str:
    return f"boot-1/{4000 + number}"


def when(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"2026-01-01T00:{text}+00:00")


def play() -> Play:
    """The monitor after the upgrade; the last report was made less than an hour ago."""
    play = Play(Policy(hostname="compute-1", failures={"web": 2}, reports_per_hour=2))
    play.seconds += (when("20:00") - play.now.wall).total_seconds()
    play.memory = dict(MEMORY)
    play.state = restore(play.memory, (HERE, THERE))
    return play


def present(number: int, life: str | None = None) -> GuestSeen:
    name = f"instance-{number:08x}"
    return GuestSeen(
        uuid=uuid(number),
        name=name,
        run=life or run(number),
        availability=Availability.RUNNING,
        where=GUESTS[number][0],
        checks=frozenset({"web"}),
    )


def answered(number: int, probe: str) -> Answered:
    return Answered(uuid=uuid(number), run=run(number), probe=probe, took=0.01, where=GUESTS[number][0])


def test_every_guest_stands_as_it_stood() -> None:
    found = restore(MEMORY, (HERE, THERE)).kept
    assert {u: (k.where, {n: p.value for n, p in k.phases.items()}, k.reports) for u, k in found.items()} == {
        uuid(number): (where, phases, tuple(map(when, reports)))
        for number, (where, phases, reports) in GUESTS.items()
    }
    # One that left had only its reports kept, and no life to go on with.
    assert {u: k.run for u, k in found.items()} == {uuid(n): run(n) if n != 14 else "" for n in GUESTS}


def test_what_is_remembered_does_not_change_on_the_way() -> None:
    kept = restore(MEMORY, (HERE, THERE)).kept
    assert {f"guest:{u}": memo(guest) for u, guest in kept.items()} == MEMORY


def test_a_first_look_that_finds_all_as_it_was_reports_and_writes_nothing() -> None:
    stage = play()
    there = [number for number in GUESTS if number != 14]
    stage.feed(*(present(number) for number in there))
    assert (stage.notified, stage.withdrawn) == ([], [])
    for uri in (HERE, THERE):
        stage.feed(Census(frozenset(uuid(n) for n in there if GUESTS[n][0] == uri), (), uri))
        assert (stage.notified, stage.withdrawn) == ([], [])
    assert stage.memory == MEMORY
    for number in OUTAGES:
        stage.misses(uuid(number), run=run(number))
        assert stage.notified == []


@pytest.mark.parametrize("number", OUTAGES)
def test_a_reported_guest_that_answers_is_withdrawn(number: int) -> None:
    probe = HEARTBEAT if GUESTS[number][1]["heartbeat"] == "reported" else "web"
    stage = play().feed(present(number), answered(number, probe))
    assert stage.withdrawn == [f"vm:{uuid(number)}"]


@pytest.mark.parametrize("number", OUTAGES)
def test_a_reported_guest_that_was_started_anew_is_withdrawn(number: int) -> None:
    assert play().feed(present(number, "boot-2/1")).withdrawn == [f"vm:{uuid(number)}"]


@pytest.mark.parametrize(("number", "reported"), [(8, True), (1, True), (5, False)])
def test_reports_from_before_count_against_the_limit_of_the_hour(number: int, reported: bool) -> None:
    """Two within the hour are allowed: one that was reported twice already is not reported again."""
    stage = play().feed(present(number), answered(number, HEARTBEAT))
    for _ in range(3):
        stage.after(10).misses(uuid(number), run=run(number))
        stage.reads(uuid(number), run=run(number))
    assert bool(stage.notified) is reported
