"""A libvirt that is away, is heard a little in between, and is away again."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import Departure, LibvirtAway, LibvirtBack
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Stopped
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

GONE = LibvirtAway(URI, "connection reset")
DEAF = LibvirtAway(URI, "no list of the instances within 30 s", heard=True)


def started_meanwhile(then: LibvirtAway) -> Play:
    """One whose start was heard while no list came; `then` nothing more is heard, or no list comes still."""
    play = Play()
    play.census(off(ShutoffReason.SHUTDOWN))
    for away in (GONE, DEAF):
        play.see(away)
    play.event(Lifecycle.STARTED)
    play.wait(100).see(then)
    assert not play.verdicts, "said once"
    return play


def test_a_start_that_fails_after_a_stop_that_nobody_heard_is_no_death() -> None:
    play = started_meanwhile(GONE)
    play.wait(100).see(LibvirtBack(URI))
    play.census()
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == []


@pytest.mark.parametrize(("then", "reported"), [(GONE, False), (DEAF, True)])
def test_one_that_may_have_been_migrated_away_unheard_is_not_reported(
    then: LibvirtAway, reported: bool
) -> None:
    play = started_meanwhile(then)
    began, now = play.now.wall.timestamp() - 100, play.wait(100).now.wall.timestamp()
    play.see(LibvirtBack(URI))
    crashed = replace(
        off(ShutoffReason.CRASHED, started=began, instance=INSTANCE),
        departure=Departure.BEGUN,
        departed=now - 10,
    )
    said = play.census(crashed)
    assert said == (["report LIFECYCLE/STOPPED_FAILED"] if reported else []) and play.alarm is not reported


def test_a_death_that_is_heard_while_no_list_comes_is_reported_at_once() -> None:
    """Every event until then was heard, and what would be asked does not answer either."""
    play = Play()
    play.census(running())
    play.see(DEAF)
    assert play.wait(5).event(Lifecycle.STOPPED, Stopped.FAILED) == ["report LIFECYCLE/STOPPED_FAILED"]


def test_a_start_that_fails_after_a_stop_that_was_heard_while_no_list_came_is_no_death() -> None:
    play = Play()
    play.census(running())
    play.see(DEAF)
    play.event(Lifecycle.STOPPED, Stopped.DESTROYED)
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == []


def test_what_ends_after_events_were_lost_while_no_list_came_is_asked_about() -> None:
    play = Play()
    play.census(running())
    for away in (DEAF, GONE, DEAF):
        play.see(away)
    assert play.event(Lifecycle.STOPPED, Stopped.FAILED) == ["ask"]
