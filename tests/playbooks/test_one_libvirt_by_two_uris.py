"""Two URIs that lead to one libvirt: one life is one report, and one guest is asked at one rhythm."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.instancemonitor.core.observation import Census, LibvirtAway, LibvirtBack, Power, Reading
from masakarimonitors.introspectiveinstancemonitor.core import observation as guests
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Availability,
    GuestGone,
    GuestRestarted,
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


def test_so_is_one_where_a_libvirt_does_not_tell_its_host_again() -> None:
    play = both()
    look(play, running(HERE), host="")
    for instance in (HERE, TWICE):
        play.event(STOPPED, 5, instance)
    for _ in range(3):
        look(play, off(ShutoffReason.CRASHED), host="")
        play.wait(60)
    assert reports(play) == 1


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


@pytest.mark.parametrize("told", [off(ShutoffReason.CRASHED), off(ShutoffReason.UNKNOWN, log_read=False)])
@pytest.mark.parametrize("event", [True, False])
def test_so_is_that_of_one_that_is_paused_and_no_uri_says_that_it_runs_at_the_other(
    event: bool, told: Reading
) -> None:
    """Of such a one libvirt is asked: the first answer comes before the other URI has told anything."""
    play = both(replace(running(HERE, persistent=True), power=Power.PAUSED))
    if event:
        play.event(STOPPED, 5, HERE)
        assert play.asked(told) == [] and play.alarm and play.verdicts[-1].ruling is Ruling.HELD
    for _ in range(3):
        look(play, told)
        play.wait(60)
    assert reports(play) == (told.reason is ShutoffReason.CRASHED)
    assert not [one for one in play.told if one.ruling is Ruling.PLANNED and "it runs at" in one.why]


def test_so_is_that_of_a_life_that_nobody_saw() -> None:
    play = both(off(ShutoffReason.SHUTDOWN))
    play.wait(60)
    play.restart(uris=[URI, AGAIN])
    play.wait(60)
    for _ in range(3):
        look(play, off(ShutoffReason.CRASHED, started=play.now.wall.timestamp() - 30))
    assert reports(play) == 1 and "STOPPED_FAILED" in play.reports[0][1]


def test_by_a_clock_that_was_set_back_the_death_of_a_later_life_is_none_that_was_told() -> None:
    play = both()
    play.see(LibvirtAway(AGAIN, "gone"))
    assert play.wait(10).event(STOPPED, 5, HERE) == [REPORT]
    play.see(LibvirtAway(URI, "gone"))
    play.set_forward = -3600.0
    started = play.wait(60).now.wall.timestamp()
    play.wait(60).see(LibvirtBack(AGAIN))
    dead = replace(off(ShutoffReason.CRASHED, started=started), instance=replace(INSTANCE, uri=AGAIN))
    play.see(Census(AGAIN, (dead,), play.number, HOST))
    assert play.alarm and "cannot be told" in play.verdicts[-1].why


@pytest.mark.parametrize("later", [False, True])
def test_so_is_that_of_a_life_that_one_of_them_heard(later: bool) -> None:
    """The other one was away from before its start until after its death; `later`: it died in yet another life."""
    play = both(off(ShutoffReason.SHUTDOWN))
    play.see(LibvirtAway(AGAIN, "gone"))
    started = play.wait(10).now.wall.timestamp()
    play.wait(2).event(STARTED, 0, HERE)
    assert play.wait(10).event(STOPPED, 5, HERE) == [REPORT]
    if later:
        started = play.wait(10).now.wall.timestamp()
    play.wait(2).see(LibvirtBack(AGAIN))
    dead = replace(off(ShutoffReason.CRASHED, started=started), instance=replace(INSTANCE, uri=AGAIN))
    assert (REPORT in play.see(Census(AGAIN, (dead,), play.number, HOST))) is later


def test_two_hosts_are_no_one_though_their_numbers_are_the_same() -> None:
    play = both()
    other = "another-host"
    look(play, running(HERE), host=other)
    play.event(STOPPED, 5, HERE)
    play.event(STOPPED, 5, TWICE)
    look(play, off(ShutoffReason.CRASHED), host=other)
    assert reports(play) == 2


def seen(play: guest_play.Play, where: str, uuid: str = guest_play.A, run: str = guest_play.RUN) -> None:
    play.feed(GuestSeen(uuid=uuid, name="a", run=run, availability=Availability.RUNNING, where=where))


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


GUESTS = [f"{number:08d}-0000-4000-8000-000000000001" for number in range(8)]


def in_a_storm(first: str) -> guest_play.Play:
    """Eight guests that fell silent together, listed by one of the two URIs so far."""
    play = guest_play.Play()
    play.uris = (URI, AGAIN)
    for uuid in GUESTS:
        seen(play, first, uuid)
        play.answers(uuid)
    for _ in range(6):
        play.after(10)
        for uuid in GUESTS:
            play.misses(uuid).reads(uuid)
    assert len(play.state.storms) == 1
    return play


def holds(play: guest_play.Play, where: str, storms: object) -> None:
    """None of them is reported while that URI lists them one by one, and the storm is the same."""
    for uuid in GUESTS:
        seen(play, where, uuid)
        assert not play.notified
    play.feed(guests.Census(frozenset(GUESTS), where=where))
    assert not play.notified and list(play.state.storms) == storms


@pytest.mark.parametrize(("first", "second"), [(URI, AGAIN), (AGAIN, URI)])
def test_a_storm_holds_its_guests_whichever_lists_them(first: str, second: str) -> None:
    play = in_a_storm(first)
    storms = list(play.state.storms)
    for _ in range(2):
        holds(play, second, storms)
        holds(play, first, storms)
        assert {guest.where for guest in play.state.guests.values()} == {first}


@pytest.mark.parametrize(("first", "second"), [(URI, AGAIN), (AGAIN, URI)])
def test_and_when_one_of_them_is_lost(first: str, second: str) -> None:
    play = in_a_storm(first)
    storms = list(play.state.storms)
    holds(play, second, storms)
    play.feed(guests.LibvirtAway("refused", first))
    holds(play, second, storms)
    assert {guest.where for guest in play.state.guests.values()} == {second}
    holds(play, first, storms)
    for uuid in GUESTS:
        play.answers(uuid)
        assert play.phase(uuid) is Phase.HEALTHY
        seen(play, second, uuid)
    assert {guest.home for guest in play.state.guests.values()} == {min(first, second)}


def test_and_over_a_restart_of_the_monitor() -> None:
    play = in_a_storm(URI)
    storms = list(play.state.storms)
    play.restart_monitor()
    holds(play, AGAIN, storms)
    holds(play, URI, storms)


def listed_by_both(first: str, second: str) -> guest_play.Play:
    """Eight guests, all listed by `first` and then by `second`; five of them fell silent together, and are held."""
    play = guest_play.Play()
    play.uris = (URI, AGAIN)
    for where in (first, second):
        for uuid in GUESTS:
            seen(play, where, uuid)
    for uuid in GUESTS:
        play.answers(uuid)
    fall_silent(play, GUESTS[:5])
    assert len(play.state.storms) == 1
    return play


def fall_silent(play: guest_play.Play, uuids: list[str]) -> None:
    """Past their limit, and found dead; nothing is told."""
    for _ in range(6):
        play.after(10)
        for uuid in uuids:
            assert not play.misses(uuid).notified and not play.reads(uuid).notified


def two_are_still_held(play: guest_play.Play, first: str, second: str, storms: list[str]) -> None:
    """Of those that a storm held when the monitor was started anew three come back: too few for a new storm."""
    for where in (first, second):
        for uuid in GUESTS:
            seen(play, where, uuid)
        assert list(play.state.storms) == storms
    for uuid in GUESTS[2:]:
        play.answers(uuid)
    fall_silent(play, GUESTS[:2])
    assert list(play.state.storms) == storms


@pytest.mark.parametrize(("first", "second"), [(URI, AGAIN), (AGAIN, URI)])
@pytest.mark.parametrize("faster_again", [True, False])
def test_and_over_a_restart_whichever_was_and_is_the_faster_one(
    first: str, second: str, faster_again: bool
) -> None:
    play = listed_by_both(first, second)
    storms = list(play.state.storms)
    for _ in range(2):
        play.restart_monitor()
        order = (first, second) if faster_again else (second, first)
        two_are_still_held(play, *order, storms)


def test_and_when_it_is_called_otherwise_after_the_restart() -> None:
    play = in_a_storm(URI)
    storms = list(play.state.storms)
    play.uris = (AGAIN,)
    for _ in range(2):
        play.restart_monitor()
        for uuid in GUESTS:
            seen(play, AGAIN, uuid)
        for uuid in GUESTS[2:]:
            play.answers(uuid)
        fall_silent(play, GUESTS[:2])
        assert list(play.state.storms) == storms


def test_a_guest_is_gone_when_both_say_so() -> None:
    play = guest_play.Play()
    seen(play, URI)
    seen(play, AGAIN)
    play.answers().feed(GuestGone(guest_play.A, "it stopped", URI))
    assert play.state.guests[guest_play.A].where == AGAIN and play.phase() is Phase.HEALTHY
    play.feed(guests.Census(frozenset(), where=AGAIN))
    assert not play.state.guests


def test_or_when_the_other_one_is_lost() -> None:
    play = guest_play.Play()
    seen(play, URI)
    seen(play, AGAIN)
    play.feed(guests.LibvirtAway("refused", AGAIN), GuestGone(guest_play.A, "it stopped", URI))
    assert not play.state.guests


def test_a_new_life_is_asked_where_it_was_seen_first() -> None:
    play = guest_play.Play()
    seen(play, URI)
    seen(play, AGAIN)
    play.answers().feed(GuestRestarted(guest_play.A, "boot-2", "migrated to this host"))
    seen(play, AGAIN, run="boot-2")
    play.feed(GuestGone(guest_play.A, "it stopped", URI))
    assert play.state.guests[guest_play.A].where == AGAIN and play.phase() is Phase.AWAITED
