"""The source of a live migration at its end: its guest may go on at the destination when nothing more is heard."""

import pytest

from masakarimonitors.instancemonitor.core.observation import LibvirtAway, LibvirtBack, Reading
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Stopped, Suspended
from tests.fixtures.instance_play import URI, Play, off, running

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
