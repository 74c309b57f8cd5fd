"""The source of a live migration at its end: its guest may go on at the destination when nothing more is heard."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Started, Stopped, Suspended
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

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
