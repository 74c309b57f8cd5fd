"""Dialogues of one monitor with two libvirts: who died at one of them may run at the other."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import Leave
from masakarimonitors.instancemonitor.core.evidence.first_look import PATIENCE
from masakarimonitors.instancemonitor.core.observation import (
    Census,
    Identity,
    LibvirtAway,
    LibvirtBack,
    Power,
    Process,
    Reading,
)
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Stopped, Suspended
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

STARTED, STOPPED, UNDEFINED = Lifecycle.STARTED, Lifecycle.STOPPED, Lifecycle.UNDEFINED
ELSEWHERE = "qemu+tcp://b/system"
THERE = replace(INSTANCE, uri=ELSEWHERE)
THERE_AT = (ELSEWHERE, INSTANCE.uuid)
REPORT = "report LIFECYCLE/STOPPED_FAILED"
CRASHED = off(ShutoffReason.CRASHED)
PANICKED = Reading(instance=INSTANCE, power=Power.PANICKED)


def there(play: Play, *readings: Reading) -> list[str]:
    return play.see(Census(ELSEWHERE, readings, play.number))


def phase(play: Play, instance: Identity = INSTANCE) -> str:
    return play.state.known(instance).phase.value


def after_a_restart() -> Play:
    """It was seen up at the first libvirt; then the monitor was away."""
    play = Play()
    play.census(running(), running(OTHER))
    play.wait(60)
    play.restart(uris=[URI, ELSEWHERE])
    return play


@pytest.mark.parametrize("dead", [CRASHED, PANICKED, off(ShutoffReason.UNKNOWN)])
def test_who_died_here_and_runs_there_is_not_accused_at_the_first_look(dead: Reading) -> None:
    play = after_a_restart()
    assert play.census(dead, running(OTHER)) == []
    assert there(play, running(THERE)) == []
    assert play.ruling == "planned" and phase(play) == "down"
    assert play.census(dead, running(OTHER)) == [] and there(play, running(THERE)) == []
    assert play.event(STOPPED, 5, THERE) == [REPORT], "its next death is one"


@pytest.mark.parametrize("heard_first", [False, True])
def test_a_report_by_a_look_from_before_its_libvirt_was_lost_waits_for_the_next_one(
    heard_first: bool,
) -> None:
    """Between the two it may have been started again, unheard."""
    play = after_a_restart()
    assert play.census(CRASHED, running(OTHER)) == []
    play.wait(5).see(LibvirtAway(URI, "connection reset"))
    if heard_first:
        play.wait(5).see(LibvirtBack(URI))
    assert there(play.wait(1)) == [REPORT]
    (report,) = [one.notification for one in play.commands if isinstance(one, Notify)]
    if not heard_first:
        assert may_offer(play.state, report, play.now) is Leave.LATER, "it cannot be seen"
        play.wait(5).see(LibvirtBack(URI))
    assert may_offer(play.state, report, play.now) is Leave.LATER, "it was not looked at since"
    if heard_first:
        assert play.census(CRASHED, running(OTHER)) == [] and phase(play) == "failed"
        assert may_offer(play.state, report, play.now) is Leave.NOW
    else:
        assert play.census(running(), running(OTHER)) == ["withdraw"] and phase(play) == "up"


@pytest.mark.parametrize("death", [(STOPPED, Stopped.FAILED), (Lifecycle.CRASHED, 0)])
def test_that_of_a_later_life_is_not_lost_where_its_definition_is_made_anew_before_it_is_judged(
    death: tuple[Lifecycle, int],
) -> None:
    """It died, lived and died again while the monitor was away; its next start fails, which hides nothing."""
    play = Play()
    play.census(running(), running(OTHER))
    assert play.event(*death) == [REPORT]
    play.wait(60).restart(uris=[URI, ELSEWHERE])
    again = off(ShutoffReason.CRASHED, last_words="crashed", started=play.wait(10).now.wall.timestamp())
    assert play.wait(60).census(again, running(OTHER)) == []
    play.event(UNDEFINED)
    play.event(Lifecycle.DEFINED)
    assert there(play) == [] and play.census(again, running(OTHER)) == []
    assert play.alarm and "lived here again" in play.verdicts[-1].why


def test_a_look_from_before_its_libvirt_was_lost_says_nothing_of_who_was_heard_to_start_since() -> None:
    play = after_a_restart()
    assert play.census(CRASHED, running(OTHER)) == []
    play.wait(5).see(LibvirtAway(URI, "connection reset"))
    play.wait(5).see(LibvirtBack(URI))
    play.event(STARTED, 0, replace(INSTANCE, run=9))
    assert there(play) == [] and phase(play) == "up"
    assert play.event(STOPPED, 5, replace(INSTANCE, run=9)) == [REPORT], "nothing was missed of that life"


def test_who_died_and_runs_nowhere_is_reported_when_every_libvirt_was_read() -> None:
    play = after_a_restart()
    assert play.census(CRASHED, running(OTHER)) == [] and phase(play) == "up"
    assert there(play) == [REPORT]
    assert play.alarms == {}
    assert play.census(CRASHED) == [] and there(play) == []


def test_a_libvirt_that_is_away_delays_the_first_look_and_does_not_prevent_it() -> None:
    play = after_a_restart()
    play.see(LibvirtAway(ELSEWHERE, "refused"))
    assert REPORT not in play.census(CRASHED)
    play.wait(PATIENCE - 1)
    assert play.census(CRASHED) == [] and phase(play) == "up"
    play.wait(1)
    assert phase(play) == "failed" and [verdict.ruling.value for verdict in play.verdicts][-1:] == [
        "reported"
    ]
    assert any(one.alarm and one.subject == f"libvirt:{ELSEWHERE}" for one in play.verdicts)
    play.see(LibvirtBack(ELSEWHERE))
    assert there(play, running(THERE)) == ["withdraw"]


def test_who_stood_still_after_the_start_accuses_nobody_before_it_has_listened_anew() -> None:
    """The end of the time is noticed first, and the census of the other libvirt lies in a socket still."""
    play = after_a_restart()
    assert REPORT not in play.census(CRASHED)
    play.seconds += 10 * PATIENCE
    play.wait(0)
    assert play.reports == [] and phase(play) == "up"
    assert there(play, running(THERE)) == [] and play.alarms == {}


def test_who_stood_still_and_hears_nothing_reports_all_the_same() -> None:
    play = after_a_restart()
    assert REPORT not in play.census(CRASHED)
    play.seconds += 10 * PATIENCE
    play.wait(PATIENCE)
    assert phase(play) == "failed"


def test_who_was_last_seen_at_a_libvirt_that_cannot_be_read_is_an_alarm() -> None:
    play = Play()
    play.census(running())
    there(play, running(THERE))
    play.restart(uris=[URI, ELSEWHERE])
    play.see(LibvirtAway(ELSEWHERE, "refused"))
    play.census(CRASHED)
    play.wait(PATIENCE)
    assert play.reports == [] and phase(play) == "unsure" and ELSEWHERE in str(play.told)
    play.see(LibvirtBack(ELSEWHERE))
    there(play)
    play.asked(None, THERE)
    there(play)
    assert play.census(CRASHED) == [REPORT]


def test_an_alarm_about_one_that_is_seen_to_run_elsewhere_is_over() -> None:
    play = after_a_restart()
    assert REPORT not in play.census(off(ShutoffReason.UNKNOWN, log_read=False)) and play.alarm
    there(play, running(THERE))
    assert phase(play) == "down"
    assert not any(alarm for *_, alarm in describe(play.state))


def test_who_was_started_elsewhere_while_its_libvirt_was_away_is_not_accused() -> None:
    play = Play()
    play.census(running())
    there(play)
    play.see(LibvirtAway(URI, "gone"))
    play.event(STARTED, 0, THERE)
    play.see(LibvirtBack(URI))
    assert play.census(CRASHED) == [] and phase(play) == "down"
    assert play.census(off(ShutoffReason.UNKNOWN, Process.UNSEEN, log_read=False)) == [] and not play.alarm


def test_what_is_heard_meanwhile_overtakes_what_was_put_aside() -> None:
    play = after_a_restart()
    play.census(CRASHED)
    play.event(STARTED)
    assert there(play) == [] and phase(play) == "up"
    assert play.event(STOPPED, 5) == [REPORT]
    play = after_a_restart()
    play.census(CRASHED)
    assert play.census(running()) == []
    assert there(play) == [] and phase(play) == "up", "a newer reading replaces it"


def test_a_death_that_is_heard_or_asked_for_waits_for_nobody() -> None:
    play = after_a_restart()
    play.census(running(), running(OTHER))
    assert play.event(STOPPED, 5) == [REPORT]
    play.ended(OTHER)
    assert play.asked(off(ShutoffReason.CRASHED, instance=OTHER), OTHER) == [REPORT]


def test_a_vanished_one_is_not_accused_before_every_libvirt_was_read() -> None:
    play = Play()
    play.census(running())
    play.event(UNDEFINED)
    play.see(LibvirtAway(URI, "gone"))
    play.ended()
    play.restart(uris=[URI, ELSEWHERE])
    play.census()
    assert play.census() == []
    assert there(play, running(THERE)) == []
    assert play.census() == [] and play.reports == []


def test_with_one_libvirt_nothing_waits() -> None:
    play = Play()
    play.census(running())
    play.restart(uris=[URI])
    assert play.census(CRASHED) == [REPORT]


def at_both() -> Play:
    """A live migration has brought it there, and its end here was not told yet."""
    play = after_a_restart()
    play.census(running(persistent=True), running(OTHER))
    there(play)
    play.event(STARTED, 1, THERE)
    play.event(Lifecycle.SUSPENDED, Suspended.MIGRATED)
    play.event(Lifecycle.RESUMED, 1, THERE)
    return play


@pytest.mark.parametrize(
    "death", [(STOPPED, Stopped.FAILED), (STOPPED, Stopped.CRASHED), (Lifecycle.CRASHED, 0)]
)
def test_whose_qemu_dies_here_while_it_is_seen_to_run_there_is_not_accused(
    death: tuple[Lifecycle, int],
) -> None:
    play = at_both()
    assert play.event(*death) == [] and play.alarm and ELSEWHERE in play.verdicts[-1].why
    assert play.census(CRASHED, running(OTHER)) == [] and phase(play) == "down", "the next look settles it"
    assert play.event(STOPPED, Stopped.FAILED, THERE) == [REPORT], "its own death is one"


def test_it_is_reported_at_the_next_look_if_its_end_there_was_only_told_late() -> None:
    play = at_both()
    play.event(Lifecycle.STOPPED, Stopped.MIGRATED)
    play.event(STARTED, 1)
    play.event(Lifecycle.RESUMED, 1)
    assert play.event(STOPPED, Stopped.FAILED) == [] and play.alarm
    play.event(STOPPED, Stopped.MIGRATED, THERE)
    assert play.census(CRASHED, running(OTHER)) == [REPORT]


def test_one_that_is_held_there_for_the_end_of_its_migration_dies_here() -> None:
    play = at_both()
    play.event(Lifecycle.STOPPED, Stopped.MIGRATED)
    play.event(STARTED, 1)
    play.event(Lifecycle.SUSPENDED, Suspended.MIGRATED, THERE)
    play.event(Lifecycle.RESUMED, 1)
    assert play.event(STOPPED, Stopped.FAILED) == [REPORT]


def test_that_it_has_left_where_it_had_died_before_takes_back_no_report_of_a_later_death_elsewhere() -> None:
    """The first death is forgotten on disk with the next look at its libvirt, which was away till then."""
    play = Play()
    play.census(running(), running(OTHER))
    there(play)
    assert play.event(STOPPED, 5) == [REPORT]
    play.see(LibvirtAway(URI, "away"))
    play.wait(60)
    assert play.event(STARTED, 0, THERE) == ["withdraw"]
    play.restart(uris=[URI, ELSEWHERE])
    play.see(LibvirtAway(URI, "away"))
    there(play, running(THERE))
    play.wait(PATIENCE)
    assert play.event(STOPPED, 5, THERE) == [REPORT]
    play.see(LibvirtBack(URI))
    assert play.census(running(OTHER)) == [] and play.census(running(OTHER)) == []
    assert phase(play, THERE) == "failed" and play.state.instances.keys() == {THERE_AT, (URI, OTHER.uuid)}


def test_whose_definition_is_removed_while_its_end_waits_to_be_judged_was_deleted() -> None:
    """It did not vanish by dying: one without a definition would not have been listed as off."""
    play = after_a_restart()
    play.see(LibvirtAway(ELSEWHERE, "refused"))
    assert REPORT not in play.census(CRASHED, running(OTHER))
    play.event(UNDEFINED, 0)
    there(play)
    for _ in range(3):
        assert play.census(running(OTHER)) == [] and there(play) == []
    assert (URI, INSTANCE.uuid) not in play.state.instances


def test_one_that_is_defined_anew_while_its_end_waits_to_be_judged_is_reported() -> None:
    play = after_a_restart()
    play.see(LibvirtAway(ELSEWHERE, "refused"))
    assert REPORT not in play.census(CRASHED, running(OTHER))
    play.event(UNDEFINED, 0)
    play.event(Lifecycle.DEFINED, 0)
    there(play)
    assert [REPORT] in (play.census(CRASHED, running(OTHER)), there(play), play.census(CRASHED))
