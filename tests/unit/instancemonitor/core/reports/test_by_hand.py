"""What masakari would not mend is told to people: once, until it is over, and never to masakari."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import Power, Reading
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import (
    Lifecycle,
    Resumed,
    Shutdown,
    ShutoffReason,
    Started,
    Stopped,
    Suspended,
)
from tests.fixtures.instance_play import INSTANCE, OTHER, Play, off, running

HALTS = [Suspended.IOERROR, Suspended.WATCHDOG, Suspended.API_ERROR, Suspended.POSTCOPY_FAILED]
PAUSED = Reading(instance=INSTANCE, power=Power.PAUSED)


def shown(play: Play) -> list[tuple[str, bool]]:
    return [(state, alarm) for _, state, _, alarm in describe(play.state)]


def standing(halt: Suspended) -> Play:
    play = Play()
    play.census(running())
    play.event(Lifecycle.SUSPENDED, halt)
    return play


@pytest.mark.parametrize("halt", HALTS)
def test_one_that_stands_still_is_an_alarm_until_it_runs(halt: Suspended) -> None:
    play = standing(halt)
    assert ["stands still" in verdict.why for verdict in play.verdicts if verdict.alarm] == [True]
    for reading in (PAUSED, replace(PAUSED, halt=halt), Reading(instance=INSTANCE, power=Power.UNKNOWN)):
        assert play.census(reading) == []
        assert not [verdict for verdict in play.verdicts if verdict.ruling is not Ruling.BLIND], "told once"
        assert shown(play) == [("stands still", True)]
    play.event(Lifecycle.RESUMED)
    assert play.ruling == "recovered" and shown(play) == [("up", False)]


@pytest.mark.parametrize("halt", HALTS)
def test_nobody_is_told_to_start_one_whose_guest_may_go_on_elsewhere(halt: Suspended) -> None:
    """After a post-copy that has failed its guest runs at the destination, with the memory that has come."""
    (told,) = [one.why for one in standing(halt).verdicts if one.alarm]
    elsewhere = halt is Suspended.POSTCOPY_FAILED
    assert ("--postcopy-resume" in told) is elsewhere and ("virsh resume" in told) is not elsewhere


LACKS_MEMORY = replace(running(persistent=True), halt=Suspended.POSTCOPY_FAILED)


@pytest.mark.parametrize("heard", [True, False])
def test_the_destination_of_a_post_copy_that_has_failed_is_an_alarm_until_it_is_whole(heard: bool) -> None:
    """Its guest runs on, without a part of its memory."""
    play = Play()
    play.event(Lifecycle.STARTED, Started.MIGRATED)
    play.event(Lifecycle.RESUMED, Resumed.POSTCOPY)
    assert shown(play) == [("up", False)]
    if heard:
        play.event(Lifecycle.RESUMED, Resumed.POSTCOPY_FAILED)
    else:
        play.census(LACKS_MEMORY)
    assert ["--postcopy-resume" in one.why for one in play.verdicts if one.alarm] == [True]
    for _ in range(3):
        assert play.wait(60).census(LACKS_MEMORY) == [] and not play.verdicts, "told once"
        assert shown(play) == [("stands still", True)]
    play.restart()
    assert play.census(LACKS_MEMORY) == [] and play.alarm
    play.census(running(persistent=True))
    assert play.ruling == "recovered" and shown(play) == [("up", False)]


@pytest.mark.parametrize("defined", [True, False])
def test_whose_qemu_ends_there_has_died(defined: bool) -> None:
    play = Play()
    play.event(Lifecycle.STARTED, Started.MIGRATED)
    play.event(Lifecycle.RESUMED, Resumed.POSTCOPY)
    play.census(replace(LACKS_MEMORY, persistent=defined))
    said = play.event(Lifecycle.STOPPED, Stopped.FAILED)
    if said == ["ask"]:
        said = play.asked(off(ShutoffReason.CRASHED, arrived=True))
    assert said == ["report LIFECYCLE/STOPPED_FAILED"]


@pytest.mark.parametrize("halt", HALTS)
def test_one_that_is_found_standing_still_is_an_alarm(halt: Suspended) -> None:
    play = standing(halt)
    play.restart()
    assert play.census(replace(PAUSED, halt=halt)) == [] and play.alarm
    play.census(running())
    assert play.ruling == "recovered" and shown(play) == [("up", False)]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda play: play.event(Lifecycle.STOPPED, Stopped.FAILED), ("failed", True)),
        (lambda play: play.event(Lifecycle.STOPPED, Stopped.DESTROYED), ("down", False)),
        (lambda play: play.census(off(ShutoffReason.CRASHED)), ("failed", True)),
        (lambda play: play.event(Lifecycle.STARTED, Started.MIGRATED), ("arriving", False)),
    ],
)
def test_the_end_of_one_that_stood_still_is_judged_as_any(end, state: tuple[str, bool]) -> None:  # type: ignore[no-untyped-def]
    play = standing(Suspended.IOERROR)
    end(play)
    assert shown(play) == [state] and play.ruling != "recovered"


def test_a_post_copy_that_fails_at_its_destination_stands_still() -> None:
    for arrival in ([(Lifecycle.RESUMED, 3)], []):
        play = Play()
        play.census()
        play.event(Lifecycle.STARTED, Started.MIGRATED)
        for event in arrival:
            play.event(*event)
        assert play.event(Lifecycle.SUSPENDED, Suspended.POSTCOPY_FAILED) == [] and play.alarm
        assert shown(play) == [("stands still", True)]


@pytest.mark.parametrize("detail", [Suspended.PAUSED, Suspended.MIGRATED, Suspended.POSTCOPY])
def test_a_pause_that_somebody_wanted_is_none(detail: Suspended) -> None:
    play = standing(detail)
    assert not play.alarm and shown(play) == [("up", False)]


def test_what_is_off_does_not_stand_still() -> None:
    play = Play()
    play.census(off(ShutoffReason.SHUTDOWN))
    play.census(replace(PAUSED, power=Power.STARTING, halt=Suspended.IOERROR), running(OTHER))
    assert play.state.known(INSTANCE).phase is Phase.DOWN and not play.alarm


@pytest.mark.parametrize(
    ("by", "stopped", "alarm"),
    [
        (Shutdown.HOST, Stopped.SHUTDOWN, True),
        (Shutdown.GUEST, Stopped.SHUTDOWN, False),
        (Shutdown.FINISHED, Stopped.SHUTDOWN, False),
        # libvirt ends a QEMU by a signal, too
        (Shutdown.HOST, Stopped.DESTROYED, False),
        (Shutdown.HOST, Stopped.FAILED, False),
    ],
)
def test_a_signal_to_its_qemu_is_no_shutdown_that_anybody_asked_libvirt_for(
    by: Shutdown, stopped: Stopped, alarm: bool
) -> None:
    play = Play()
    play.census(running())
    play.event(Lifecycle.SHUTDOWN, by)
    play.event(Lifecycle.STOPPED, stopped)
    assert sum(verdict.alarm for verdict in play.told) == alarm
    if alarm:
        assert shown(play) == [("down", True)]
    play.event(Lifecycle.STARTED)
    play.event(Lifecycle.STOPPED, Stopped.SHUTDOWN)
    assert not play.alarm, "its next life is another one"
