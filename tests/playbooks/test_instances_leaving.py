"""The source of a live migration at its end: its guest may go on at the destination when nothing more is heard."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Departure,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Started, Stopped, Suspended
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

REPORT = "report LIFECYCLE/STOPPED_FAILED"
ENDS = [off(ShutoffReason.DAEMON), off(ShutoffReason.CRASHED), off(ShutoffReason.UNKNOWN)]


def leaving(held: Suspended) -> Play:
    play = Play()
    play.census(running(persistent=True))
    assert REPORT not in play.event(Lifecycle.SUSPENDED, held)
    return play


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("held", [Suspended.MIGRATED, Suspended.POSTCOPY, Suspended.POSTCOPY_FAILED])
@pytest.mark.parametrize("restarted", [False, True])
def test_one_that_was_held_for_its_migration_when_libvirtd_ended_is_an_alarm(
    held: Suspended, end: Reading, restarted: bool
) -> None:
    play = leaving(held)
    play.see(LibvirtAway(URI, "away"))
    if restarted:
        play.restart(uris=[URI])
    play.see(LibvirtBack(URI))
    assert REPORT not in play.census(end) and play.alarm
    assert "goes on at the destination" in play.verdicts[-1].why
    assert REPORT not in play.census(end), "nor at any other look"


@pytest.mark.parametrize("end", ENDS)
def test_one_whose_migration_failed_and_that_ran_on_here_is_reported_when_it_dies(end: Reading) -> None:
    play = leaving(Suspended.MIGRATED)
    play.event(Lifecycle.RESUMED)
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    assert REPORT in play.census(end)


def test_one_that_has_left_is_no_failure() -> None:
    play = leaving(Suspended.MIGRATED)
    assert REPORT not in play.event(Lifecycle.STOPPED, Stopped.MIGRATED) and not play.alarm


HELD = [
    Reading(instance=INSTANCE, power=Power.PAUSED, persistent=True, halt=Suspended.POSTCOPY),
    Reading(instance=INSTANCE, power=Power.PAUSED, persistent=True, halt=Suspended.POSTCOPY_FAILED),
    Reading(instance=INSTANCE, power=Power.MIGRATING, persistent=True, halt=Suspended.MIGRATED),
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("heard", [False, True])
def test_one_that_is_read_as_held_for_its_migration_is_an_alarm_when_libvirtd_ends(
    held: Reading, end: Reading, heard: bool
) -> None:
    """A migration by post-copy may last longer than it takes to the next census, or be under way at the start."""
    play = leaving(Suspended.POSTCOPY) if heard else Play()
    instance = replace(INSTANCE, run=7)
    if not heard:
        play.census(running(instance, persistent=True))
        play.restart(uris=[URI])
    assert REPORT not in play.census(replace(held, instance=instance))
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    assert REPORT not in play.census(end) and play.alarm


def test_one_that_is_read_as_paused_by_somebody_since_does_not_leave_any_more() -> None:
    play = leaving(Suspended.MIGRATED)
    play.census(Reading(instance=INSTANCE, power=Power.PAUSED, persistent=True))
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    assert REPORT in play.census(off(ShutoffReason.CRASHED))


@pytest.mark.parametrize("end", ENDS)
def test_one_that_was_brought_back_from_a_file_and_is_kept_paused_is_reported_when_it_dies(
    end: Reading,
) -> None:
    """libvirt reads as if a live migration held it; no event has told of one."""
    play = Play()
    play.census(running(persistent=True))
    play.event(Lifecycle.STOPPED, Stopped.SAVED)
    play.event(Lifecycle.STARTED, Started.RESTORED)
    play.event(Lifecycle.SUSPENDED, Suspended.RESTORED)
    for _ in range(2):
        play.census(HELD[-1])
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    assert REPORT in play.census(end)


@pytest.mark.parametrize(("persistent", "heard"), [(True, False), (True, True), (False, True)])
@pytest.mark.parametrize("restarted", [False, True])
def test_one_that_left_unheard_and_whose_log_tells_nothing_is_an_alarm_at_every_look(
    persistent: bool, heard: bool, restarted: bool
) -> None:
    play = leaving(Suspended.MIGRATED) if heard else Play()
    play.census(held_here(persistent) if heard else running(persistent=persistent))
    play.see(LibvirtAway(URI, "away"))
    assert play.ended() == ["ask"]
    play.see(Asked(INSTANCE, None, play.number, mute=True))
    play.see(LibvirtBack(URI))
    said = play.census() + play.census()
    assert REPORT not in said and play.alarm
    if restarted:
        play.restart(uris=[URI])
    for _ in range(4):
        assert play.census() == [], "what was not known does not become known by itself"


def held_here(persistent: bool) -> Reading:
    return replace(HELD[-1], persistent=persistent)


SHOWN = replace(HELD[-1], instance=replace(INSTANCE, run=7))
"""What libvirt says of one that was brought back from a file and is kept paused."""


def kept_paused(*, restarted: bool) -> Play:
    """Brought back from a file and kept paused; then it died unheard, which libvirtd does not know when it is back."""
    play = Play()
    play.event(Lifecycle.STARTED, Started.RESTORED, SHOWN.instance)
    play.event(Lifecycle.SUSPENDED, Suspended.RESTORED, SHOWN.instance)
    play.census(SHOWN)
    play.see(LibvirtAway(URI, "away"))
    if restarted:
        play.restart(uris=[URI])
    play.see(LibvirtBack(URI))
    # It has not found out yet that this QEMU has ended, and shows what it had written down of it.
    assert play.census(SHOWN) == []
    return play


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("restarted", [False, True])
def test_one_that_libvirtd_shows_as_before_until_it_knows_of_its_death_is_reported_if_its_log_tells_of_no_migration(
    restarted: bool, end: Reading
) -> None:
    play = kept_paused(restarted=restarted)
    assert REPORT in play.census(replace(end, departure=Departure.NONE)) and not play.alarm


@pytest.mark.parametrize("restarted", [False, True])
def test_nor_does_it_matter_that_the_monitor_was_restarted_once_more(restarted: bool) -> None:
    play = kept_paused(restarted=restarted)
    play.restart(uris=[URI])
    assert REPORT in play.census(replace(ENDS[1], departure=Departure.NONE)) and not play.alarm


@pytest.mark.parametrize("departure", [Departure.UNTOLD, Departure.BEGUN])
def test_it_is_an_alarm_if_its_log_tells_of_a_migration_or_nothing(departure: Departure) -> None:
    play = kept_paused(restarted=False)
    end = replace(ENDS[1], departure=departure)
    assert REPORT not in play.census(end) and play.alarm
    assert "goes on at the destination" in play.verdicts[-1].why
    assert REPORT in play.census(replace(ENDS[1], departure=Departure.NONE)), "once its log can be read"


def test_a_log_of_a_later_life_tells_nothing_of_the_one_that_may_have_left() -> None:
    play = kept_paused(restarted=False)
    later = replace(ENDS[2], departure=Departure.NONE, started=play.now.wall.timestamp() + 1)
    play.wait(5)
    assert REPORT not in play.census(later) and play.alarm


@pytest.mark.parametrize("held", [Suspended.MIGRATED, Suspended.POSTCOPY, Suspended.POSTCOPY_FAILED])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_log_without_the_migration_that_libvirt_has_told_of_proves_nothing(
    held: Suspended, restarted: bool
) -> None:
    play = Play()
    play.census(running(SHOWN.instance, persistent=True))
    play.event(Lifecycle.SUSPENDED, held, SHOWN.instance)
    play.see(LibvirtAway(URI, "away"))
    if restarted:
        play.restart(uris=[URI])
    play.see(LibvirtBack(URI))
    play.census(SHOWN)
    assert REPORT not in play.census(replace(ENDS[1], departure=Departure.NONE)) and play.alarm


@pytest.mark.parametrize("departure", Departure)
def test_nor_does_one_that_vanishes_by_dying_leave_if_its_log_tells_of_no_migration(
    departure: Departure,
) -> None:
    """In nova's live snapshot, where libvirt has no definition of it."""
    play = Play()
    instance = replace(INSTANCE, run=7)
    play.census(running(instance, persistent=False))
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    play.census(replace(SHOWN, persistent=False))
    assert play.census() == ["ask"]
    traces = replace(ENDS[2], last_words="crashed", departure=departure)
    said = play.see(Asked(INSTANCE, None, play.number, traces)) + play.census()
    assert (REPORT in said) is (departure is Departure.NONE)


def left_unheard(how: str) -> Play:
    """It was up when events were heard last; then a migration took it away, of which nobody had heard."""
    play = Play()
    play.census(running(SHOWN.instance, persistent=True))
    play.wait(60)
    if how == "restarted":
        play.restart(uris=[URI])
    else:
        play.see(LibvirtAway(URI, "away"))
    play.wait(5)
    return play


def departed(play: Play, reading: Reading, seconds_ago: float = 0.0) -> Reading:
    """Its log tells of a migration that began so long ago."""
    begun = play.now.wall.timestamp() - seconds_ago
    return replace(reading, departure=Departure.BEGUN, departed=begun)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("how", ["restarted", "away"])
def test_one_whose_log_tells_of_a_migration_that_nobody_had_heard_of_is_an_alarm_at_every_look(
    how: str, end: Reading
) -> None:
    """libvirtd may have been restarted before it knew that the guest had arrived, and have kept its source."""
    play = left_unheard(how)
    ended = departed(play, end)
    play.see(LibvirtBack(URI))
    assert REPORT not in play.census(ended) and play.alarm
    assert "goes on at the destination" in play.verdicts[-1].why
    for _ in range(3):
        play.wait(60)
        assert play.census(ended) == [] and play.verdicts == []
    play.restart(uris=[URI])
    assert REPORT not in play.census(ended)
    assert REPORT in play.event(Lifecycle.STARTED) + play.event(Lifecycle.STOPPED, Stopped.FAILED)


@pytest.mark.parametrize(("how", "ago"), [("away", 67.0), ("restarted", 90000.0)])
def test_a_migration_that_had_begun_before_that_is_known_to_be_over(how: str, ago: float) -> None:
    play = left_unheard(how)
    ended = departed(play, ENDS[1], ago)
    play.see(LibvirtBack(URI))
    assert REPORT in play.census(ended)


@pytest.mark.parametrize("looks", [0, 3])
def test_but_not_one_that_may_have_been_under_way_when_the_monitor_ended(looks: int) -> None:
    """Its guest runs here until its end, of which libvirt and its log tell, but not if libvirtd ends just then."""
    play = Play()
    play.census(running(persistent=True))
    began = play.now.wall.timestamp()
    for _ in range(looks):
        play.wait(60)
        play.restart(uris=[URI])
        assert play.census(running(persistent=True)) == []
    play.wait(60)
    play.restart(uris=[URI])
    ended = replace(
        off(ShutoffReason.CRASHED, last_words="crashed"), departure=Departure.BEGUN, departed=began
    )
    assert REPORT not in play.census(ended) and play.alarm


def test_nor_does_one_matter_where_nothing_can_have_been_missed() -> None:
    """One that is aborted brings no event, since the guest ran on all the time."""
    play = Play()
    play.census(running(persistent=True))
    assert REPORT in play.census(departed(play, ENDS[1]))


def test_one_that_was_started_unseen_and_whose_log_tells_of_a_migration_is_an_alarm() -> None:
    play = Play()
    play.census(off(ShutoffReason.SHUTDOWN, started=1.0))
    play.see(LibvirtAway(URI, "away"))
    play.wait(60)
    lived = replace(ENDS[1], started=play.now.wall.timestamp())
    ended = departed(play, lived)
    play.see(LibvirtBack(URI))
    assert REPORT not in play.census(ended) and play.alarm


@pytest.mark.parametrize("noted", [False, True])
def test_one_that_vanished_after_a_migration_that_nobody_had_heard_of_is_an_alarm(noted: bool) -> None:
    """Nor does the look that misses it, if it is noted since another one is forgotten, prove that it was here then."""
    play = Play()
    play.census(running(SHOWN.instance, persistent=False), running(OTHER))
    play.see(LibvirtAway(URI, "away"))
    play.wait(60)
    play.see(LibvirtBack(URI))
    other = off(ShutoffReason.SHUTDOWN, instance=OTHER) if noted else running(OTHER)
    assert play.census(other) == ["ask"]
    traces = departed(play, replace(ENDS[2], last_words="crashed"), 30)
    said = play.see(Asked(INSTANCE, None, play.number, traces)) + play.census()
    assert REPORT not in said and play.alarm


def held_unheard() -> Play:
    """Its libvirtd was restarted before it knew whether the guest had arrived, or it came out of a file."""
    play = Play()
    play.census(running(SHOWN.instance, persistent=True))
    play.restart(uris=[URI])
    play.see(LibvirtBack(URI))
    assert play.census(SHOWN) == []
    return play


@pytest.mark.parametrize("detail", [Stopped.FAILED, Stopped.CRASHED])
@pytest.mark.parametrize("departure", Departure)
def test_whose_end_is_heard_while_it_may_be_leaving_is_reported_if_its_log_tells_of_no_migration(
    detail: Stopped, departure: Departure
) -> None:
    play = held_unheard()
    assert play.event(Lifecycle.STOPPED, detail, SHOWN.instance) == ["ask"]
    said = play.asked(replace(ENDS[1], departure=departure))
    assert (REPORT in said) is (departure is Departure.NONE)
    assert play.alarm is (departure is not Departure.NONE)


@pytest.mark.parametrize("detail", [Stopped.FAILED, Stopped.CRASHED])
@pytest.mark.parametrize("held", [Suspended.MIGRATED, Suspended.POSTCOPY, Suspended.POSTCOPY_FAILED])
def test_whose_qemu_ends_while_it_is_held_for_the_end_of_its_migration_is_an_alarm(
    held: Suspended, detail: Stopped
) -> None:
    """Its guest may have arrived, which libvirt would have asked the destination only afterwards."""
    play = leaving(held)
    assert play.event(Lifecycle.STOPPED, detail) == [] and play.alarm
    assert "goes on at the destination" in play.verdicts[-1].why
    assert REPORT not in play.census(ENDS[1]), "nor at any other look"


def test_whose_qemu_ends_then_without_a_definition_stays_an_alarm_while_it_is_not_listed() -> None:
    play = Play()
    play.census(running(persistent=False))
    play.event(Lifecycle.SUSPENDED, Suspended.MIGRATED)
    assert REPORT not in play.event(Lifecycle.STOPPED, Stopped.FAILED) and play.alarm
    for number in range(5):
        assert play.wait(60).census() == [] and play.alarm is (number == 1), "which says so once more"
    assert play.state.instances[URI, INSTANCE.uuid].phase is Phase.UNSURE
    play.restart()
    for _ in range(3):
        play.wait(60).census()
    assert play.state.instances[URI, INSTANCE.uuid].phase is Phase.UNSURE
    play.wait(86400).census()
    assert not play.state.instances


def test_whose_qemu_ends_then_and_that_is_deleted_since_is_none_any_more() -> None:
    play = leaving(Suspended.MIGRATED)
    assert REPORT not in play.event(Lifecycle.STOPPED, Stopped.FAILED) and play.alarm
    play.event(Lifecycle.UNDEFINED)
    for _ in range(2):
        play.wait(60).census()
    assert not play.state.instances


def test_whose_migration_has_not_come_that_far_is_reported() -> None:
    play = Play()
    play.census(running(persistent=True))
    assert REPORT in play.event(Lifecycle.STOPPED, Stopped.FAILED)


def paused_by_hand() -> Play:
    play = Play()
    play.census(running(persistent=True))
    play.event(Lifecycle.SUSPENDED, Suspended.PAUSED)
    return play


@pytest.mark.parametrize("departure", Departure)
def test_one_that_a_person_has_paused_and_that_ends_may_have_been_migrated(departure: Departure) -> None:
    """libvirt tells of no migration of it until that is over: its log is asked."""
    play = paused_by_hand()
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == ["ask"]
    said = play.asked(replace(off(ShutoffReason.CRASHED), departure=departure))
    begun = departure is Departure.BEGUN
    assert (said == [] and play.alarm) if begun else said == [REPORT]
    if begun:
        assert "goes on at the destination" in play.verdicts[-1].why


def test_nor_is_it_accused_where_a_census_alone_has_read_that_it_is_paused() -> None:
    play = Play()
    play.census(replace(running(persistent=True), power=Power.PAUSED))
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == ["ask"]


@pytest.mark.parametrize("told", [Lifecycle.STARTED, Lifecycle.UNDEFINED])
def test_one_that_libvirt_may_have_no_definition_of_is_reported_at_once_when_it_ends(told: Lifecycle) -> None:
    """It vanishes when it ends, so that nobody could be asked any more: an answer that says nothing is no end of it."""
    play = Play()
    if told is Lifecycle.UNDEFINED:
        play.census(running(persistent=True))
    play.event(told)
    play.event(Lifecycle.SUSPENDED, Suspended.PAUSED)
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == [REPORT]


def test_one_that_runs_on_is_reported_at_once_when_it_ends() -> None:
    play = paused_by_hand()
    play.event(Lifecycle.RESUMED)
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == [REPORT]


@pytest.mark.parametrize("listed", [True, False])
def test_nor_is_it_accused_where_its_definition_is_removed_before_its_log_has_told(listed: bool) -> None:
    """Which comes with the end of a migration, and outdates the answer."""
    play = paused_by_hand()
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == ["ask"]
    asked, ended = play.number, replace(off(ShutoffReason.CRASHED), departure=Departure.BEGUN)
    assert play.event(Lifecycle.UNDEFINED) == ["ask"], "the answer to the first question is none any more"
    play.see(Asked(INSTANCE, ended if listed else None, asked, None if listed else ended))
    play.see(Asked(INSTANCE, None, play.number, ended))
    assert play.census() == [] and play.census() == [] and play.alarm
    assert play.census() == []


@pytest.mark.parametrize("halt", [Suspended.IOERROR, Suspended.WATCHDOG, Suspended.API_ERROR])
def test_nor_is_one_that_a_failure_has_paused_which_can_be_migrated_as_well(halt: Suspended) -> None:
    play = Play()
    play.census(running(persistent=True))
    play.event(Lifecycle.SUSPENDED, halt)
    assert "ask" in play.event(Lifecycle.STOPPED, Stopped.FAILED)
    assert REPORT not in play.asked(replace(off(ShutoffReason.CRASHED), departure=Departure.BEGUN))
    assert play.alarm


@pytest.mark.parametrize("unheard", ["monitor", "libvirt"])
@pytest.mark.parametrize("departure", [Departure.BEGUN, Departure.NONE])
def test_nor_does_a_look_since_its_migration_began_prove_that_it_was_over(
    departure: Departure, unheard: str
) -> None:
    """libvirt shows such a one as paused by a person all along."""
    play = paused_by_hand()
    departed = play.now.wall.timestamp()
    play.wait(60)
    play.census(replace(running(persistent=True), power=Power.PAUSED))
    play.wait(60)
    play.restart(uris=[URI])
    play.census(replace(running(persistent=True), power=Power.PAUSED))
    play.wait(60)
    if unheard == "monitor":
        play.restart(uris=[URI])
    else:
        play.see(LibvirtAway(URI, "away"))
        play.see(LibvirtBack(URI))
    said = play.census(replace(off(ShutoffReason.CRASHED), departure=departure, departed=departed))
    assert (REPORT in said) is (departure is Departure.NONE) and play.alarm is not (REPORT in said)


def test_nor_does_one_for_another_instance_and_that_it_was_paused_is_remembered_at_once() -> None:
    play = Play()
    play.census(running(persistent=True), running(OTHER))
    play.event(Lifecycle.SUSPENDED, Suspended.PAUSED)
    departed = play.now.wall.timestamp()
    play.wait(60)
    play.event(Lifecycle.STOPPED, Stopped.DESTROYED, OTHER)
    play.wait(60)
    play.restart(uris=[URI])
    ended = replace(off(ShutoffReason.CRASHED), departure=Departure.BEGUN, departed=departed)
    assert REPORT not in play.census(ended) and play.alarm
