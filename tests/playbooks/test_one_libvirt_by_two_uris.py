"""Two URIs that lead to one libvirt: one life is one report, and one guest is asked at one rhythm."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import Census, LibvirtAway, LibvirtBack, Power, Reading
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Availability,
    GuestSeen,
    Missed,
)
from masakarimonitors.libvirt.domain_state import Crashed, Lifecycle, ShutoffReason
from tests.fixtures import guest_play
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

STARTED, STOPPED = Lifecycle.STARTED, Lifecycle.STOPPED
AGAIN = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock"
HERE = replace(INSTANCE, run=7)
TWICE = replace(HERE, uri=AGAIN)
REPORT = "report LIFECYCLE/STOPPED_FAILED"
HOST = "5c8e2c9a-1f0b-4e0e-9a5e-000000000001"
PANICKED = Reading(instance=INSTANCE, power=Power.PANICKED)


def look(play: Play, reading: Reading | None, *, host: str = HOST) -> list[str]:
    """What both URIs tell."""
    said = []
    for uri in (URI, AGAIN):
        readings = (replace(reading, instance=replace(reading.instance, uri=uri)),) if reading else ()
        said += play.see(Census(uri, readings, play.number, host if uri == URI else HOST))
    return said


def both(reading: Reading | None = None) -> Play:
    play = Play()
    play.restart(uris=[URI, AGAIN])
    look(play, running(HERE) if reading is None else reading)
    return play


def reports(play: Play) -> int:
    return len(play.reports)


@pytest.mark.parametrize("first", [HERE, TWICE])
@pytest.mark.parametrize(
    "dead",
    [off(ShutoffReason.CRASHED), off(ShutoffReason.UNKNOWN), off(ShutoffReason.CRASHED, log_read=False)],
)
def test_a_death_that_both_tell_is_one(first, dead: Reading) -> None:  # type: ignore[no-untyped-def]
    play = both()
    for instance in (first, TWICE if first is HERE else HERE):
        play.event(STOPPED, 5, instance)
    for _ in range(3):
        look(play, dead)
        play.wait(60)
    assert reports(play) == 1
    assert any("lead to the same libvirt" in verdict.why for verdict in play.told)
    for instance in (replace(HERE, run=8), replace(TWICE, run=8)):
        play.event(STARTED, 0, instance)
    assert [play.state.known(one).phase.value for one in (HERE, TWICE)] == ["up", "up"]
    for instance in (replace(HERE, run=8), replace(TWICE, run=8)):
        play.event(STOPPED, 5, instance)
    look(play, dead)
    assert reports(play) == 2, "the next life is another one"


def test_so_is_a_panic() -> None:
    play = both()
    for instance in (HERE, TWICE):
        play.event(Lifecycle.CRASHED, Crashed.PANICKED, instance)
    for _ in range(3):
        look(play, replace(PANICKED, instance=HERE))
    assert reports(play) == 1


def test_so_is_one_that_no_event_told() -> None:
    play = both()
    for uri in (URI, AGAIN):
        play.see(LibvirtAway(uri, "gone"))
    for uri in (URI, AGAIN):
        play.see(LibvirtBack(uri))
    for _ in range(3):
        look(play, off(ShutoffReason.DAEMON))
    assert reports(play) == 1


def test_so_is_that_of_a_life_that_nobody_saw() -> None:
    play = both(off(ShutoffReason.SHUTDOWN))
    play.wait(60)
    play.restart(uris=[URI, AGAIN])
    play.wait(60)
    for _ in range(3):
        look(play, off(ShutoffReason.CRASHED, started=play.now.wall.timestamp() - 30))
    assert reports(play) == 1 and "STOPPED_FAILED" in play.reports[0][1]


def test_two_hosts_are_no_one_though_their_numbers_are_the_same() -> None:
    play = both()
    other = "another-host"
    look(play, running(HERE), host=other)
    play.event(STOPPED, 5, HERE)
    play.event(STOPPED, 5, TWICE)
    look(play, off(ShutoffReason.CRASHED), host=other)
    assert reports(play) == 2


def seen(play: guest_play.Play, where: str) -> None:
    one = GuestSeen(
        uuid=guest_play.A, name="a", run=guest_play.RUN, availability=Availability.RUNNING, where=where
    )
    play.feed(one)


def test_a_guest_that_is_asked_over_both_has_missed_what_one_of_them_missed() -> None:
    play = guest_play.Play(threshold=5)
    seen(play, URI)
    seen(play, AGAIN)
    play.answers()
    for turn in range(5):
        for where in (URI, AGAIN):
            play.after(5)
            play.feed(
                Missed(
                    uuid=guest_play.A,
                    run=guest_play.RUN,
                    probe=HEARTBEAT,
                    in_reply_to=turn,
                    evidence="no answer",
                    final=True,
                    where=where,
                )
            )
        assert play.state.guests[guest_play.A].heartbeat.misses == turn + 1
