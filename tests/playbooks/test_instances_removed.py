"""A dead instance whose definition is removed: nova starts it anew, or it has been moved away or deleted."""

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import Leave
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import Asked
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Stopped
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running


def phase(play: Play) -> Phase | None:
    known = play.state.instances.get((URI, INSTANCE.uuid))
    return known.phase if known else None


def dead() -> tuple[Play, Notify]:
    play = Play()
    play.census(running(persistent=True))
    play.event(Lifecycle.STOPPED, Stopped.FAILED)
    (notify,) = [command for command in play.commands if isinstance(command, Notify)]
    return play, notify


def removed() -> tuple[Play, Notify]:
    play, notify = dead()
    assert may_offer(play.state, notify.notification, play.now) is Leave.NOW
    assert not play.event(Lifecycle.UNDEFINED) and phase(play) is Phase.REMOVED
    return play, notify


def test_a_start_that_fails_after_a_death_loses_nothing() -> None:
    """nova defines an instance anew to start it; its host has no disk for it, say."""
    play, notify = removed()
    assert may_offer(play.state, notify.notification, play.now) is Leave.LATER, "it may have been moved away"
    assert not play.event(Lifecycle.DEFINED) and not play.event(Lifecycle.STOPPED, Stopped.FAILED)
    assert phase(play) is Phase.FAILED and may_offer(play.state, notify.notification, play.now) is Leave.NOW


def test_one_that_is_defined_again_and_not_started_is_as_dead_as_before() -> None:
    play, notify = removed()
    assert not play.census(), "a look in between"
    assert not play.event(Lifecycle.DEFINED)
    assert not play.census(off(ShutoffReason.UNKNOWN, last_words="crashed"))
    assert phase(play) is Phase.FAILED and may_offer(play.state, notify.notification, play.now) is Leave.NOW


def test_one_that_starts_again_is_back() -> None:
    play, _ = removed()
    play.event(Lifecycle.DEFINED)
    assert play.event(Lifecycle.STARTED) == ["withdraw"] and play.ruling == "recovered"


def test_one_that_was_moved_away_or_deleted_is_withdrawn_by_the_second_census() -> None:
    play, _ = removed()
    assert not play.census()
    assert play.census() == ["withdraw"] and play.ruling == "withdrawn" and phase(play) is None


def test_what_was_removed_is_so_after_a_restart_of_the_monitor() -> None:
    play, notify = removed()
    play.restart(uris=[URI])
    assert may_offer(play.state, notify.notification, play.now) is Leave.LATER
    play.census()
    assert play.census() == ["withdraw"]


def test_others_do_not_wait_for_it() -> None:
    play, _ = removed()
    play.census(running(OTHER))
    play.event(Lifecycle.STOPPED, Stopped.FAILED, OTHER)
    (notify,) = [command for command in play.commands if isinstance(command, Notify)]
    assert may_offer(play.state, notify.notification, play.now) is Leave.NOW


def gone_while_away() -> Play:
    """It was defined here, and is neither there nor heard of since; what its log tells is being asked."""
    play = Play()
    play.census(running(persistent=True))
    play.restart(uris=[URI])
    assert play.census() == ["ask"]
    for _ in range(3):
        assert play.census() == [] and phase(play) is Phase.UP and not play.verdicts, "nobody knows yet"
    return play


def test_one_that_is_gone_is_not_called_well_before_its_log_was_read() -> None:
    play = gone_while_away()
    play.see(Asked(INSTANCE, None, play.number, off(ShutoffReason.UNKNOWN, last_words="crashed")))
    play.census()
    assert play.alarm and "crashed" in play.verdicts[-1].why


def test_nor_is_an_answer_waited_for_for_ever() -> None:
    play = gone_while_away()
    for _ in range(6):
        play.census()
    assert phase(play) is None and play.ruling == "planned"


def test_when_its_log_tells_nothing_it_has_left() -> None:
    play = gone_while_away()
    play.asked(None)
    play.census()
    assert phase(play) is None and play.ruling == "planned"


@pytest.mark.parametrize("returns", [True, False])
def test_the_alarm_of_one_that_may_have_died_stands_until_it_is_known_to_be_gone(returns: bool) -> None:
    play = Play()
    play.census(running(persistent=True))
    play.restart(uris=[URI])
    play.census(off(ShutoffReason.UNKNOWN, log_read=False))
    assert phase(play) is Phase.UNSURE and play.alarm
    play.event(Lifecycle.UNDEFINED)
    assert phase(play) is Phase.UNSURE
    if returns:
        play.event(Lifecycle.DEFINED)
        play.event(Lifecycle.STOPPED, Stopped.FAILED)
        assert phase(play) is Phase.UNSURE
    else:
        assert not play.census() + play.census() and phase(play) is None
