"""What was seen of instances before their host was restarted: they may run elsewhere by now."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import Leave
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import Asked, Power, Reading
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.libvirt.domain_state import Crashed, Lifecycle, ShutoffReason, Stopped
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running


def rebooted(*, again: bool = False, persistent: bool = True) -> tuple[Play, Notify]:
    """It died, masakari-api was out of reach, its host was restarted; `again`: and then the monitor once more."""
    play = Play()
    play.census(running(persistent=persistent))
    play.event(Lifecycle.STOPPED, Stopped.FAILED)
    (notify,) = [command for command in play.commands if isinstance(command, Notify)]
    play.wait(900)
    play.restart(boot_id="boot-2", uris=[URI])
    if again:
        play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN))
        play.restart(uris=[URI])
    assert may_offer(play.state, notify.notification, play.now) is Leave.LATER
    return play, notify


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    "found",
    [
        off(ShutoffReason.UNKNOWN, last_words="crashed"),
        off(ShutoffReason.UNKNOWN),
        off(ShutoffReason.UNKNOWN, log_read=False),
        off(ShutoffReason.FAILED, last_words="crashed"),
        # By a libvirt of another host, which was not restarted.
        off(ShutoffReason.CRASHED, log_read=False),
    ],
)
def test_a_death_from_before_a_restart_of_the_host_is_an_alarm_and_not_delivered(
    found: Reading, again: bool
) -> None:
    play, _ = rebooted(again=again)
    assert play.census(found) == ["withdraw"] and play.alarm
    assert play.state.instances[URI, INSTANCE.uuid].phase is Phase.UNSURE
    assert "may run elsewhere" in play.verdicts[-1].why
    assert not play.census(found) and not play.verdicts, "nor at any other look"
    play.restart(uris=[URI])
    assert not play.census(found), "nor after another restart of the monitor"


@pytest.mark.parametrize(
    ("words", "late", "alarm"), [("crashed", 60, True), ("crashed", -60, False), ("", 0, False)]
)
def test_one_that_is_gone_is_an_alarm_where_its_log_says_that_it_crashed_before_its_host_was_restarted(
    words: str, late: float, alarm: bool
) -> None:
    """`late`: so long after it was first seen up (seconds). Without a word it ended with its host, which is no news."""
    play = Play()
    play.census(running(persistent=True))
    ended = play.now.wall.timestamp() + late
    play.wait(900)
    play.restart(boot_id="boot-2", uris=[URI])
    assert play.census() == ["ask"]
    traces = replace(off(ShutoffReason.UNKNOWN, last_words=words), ended=ended if words else 0.0)
    play.see(Asked(INSTANCE, None, play.number, traces))
    assert play.census() == [] and play.alarm is alarm
    assert play.state.known(INSTANCE).phase is (Phase.UNSURE if alarm else Phase.DOWN)


def test_so_is_that_of_one_whose_definition_vanished_with_it() -> None:
    play, _ = rebooted(persistent=False)
    play.census()
    assert play.census() == ["withdraw"] and play.alarm


def test_nor_is_it_called_a_departure_of_one_that_had_crashed_and_ended_with_its_host() -> None:
    play = Play()
    play.census(running(persistent=False))
    play.event(Lifecycle.CRASHED, Crashed.PANICKED)
    play.restart(boot_id="boot-2", uris=[URI])
    play.census()
    assert play.census() == ["withdraw"] and play.alarm
    assert not play.census() and play.state.instances[URI, INSTANCE.uuid].phase is Phase.UNSURE


def test_one_that_runs_here_again_is_back() -> None:
    play, _ = rebooted()
    assert play.census(running()) == ["withdraw"] and play.ruling == "recovered"


def test_a_life_that_began_and_died_since_is_reported() -> None:
    play, _ = rebooted()
    later = play.now.wall.timestamp() - 60
    found = off(ShutoffReason.CRASHED, last_words="crashed", started=later)
    assert play.census(found) == ["withdraw", "report LIFECYCLE/STOPPED_FAILED"]


@pytest.mark.parametrize(("ended", "alarm"), [(-60.0, True), (60.0, False)])
def test_one_that_was_up_when_its_host_crashed_is_no_planned_stop_by_its_last_life_but_one(
    ended: float, alarm: bool
) -> None:
    """The crash took the line of its last start along, so its log ends with the life before that."""
    play = Play()
    play.census(running())
    stopped = play.now.wall.timestamp() + ended
    play.wait(900)
    play.restart(boot_id="boot-2", uris=[URI])
    found = replace(off(ShutoffReason.UNKNOWN, last_words="shutdown"), ended=stopped)
    assert play.census(found) == [] and play.alarm is alarm
    assert (INSTANCE.uri, INSTANCE.uuid) in play.state.instances
    phase = play.state.instances[INSTANCE.uri, INSTANCE.uuid].phase
    assert phase is (Phase.UNSURE if alarm else Phase.DOWN)
