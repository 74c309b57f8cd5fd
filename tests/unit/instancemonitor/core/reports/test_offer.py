"""What may leave: all but what is said of an instance that may be elsewhere, or may have come back unseen."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, Leave, ProcessNotification, VmNotification
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.observation import LibvirtAway, LibvirtBack, Power, Reading
from masakarimonitors.instancemonitor.core.reports.offer import may_offer
from masakarimonitors.instancemonitor.core.sight.hearing import Boot
from masakarimonitors.instancemonitor.core.state import Instance, State
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Stopped
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))
DIED = VmNotification(
    "compute-1", NOW.wall, event="LIFECYCLE", instance_uuid=INSTANCE.uuid, vir_domain_event="STOPPED_FAILED"
)


@pytest.mark.parametrize("phase", Phase)
def test_only_what_was_removed_waits(phase: Phase) -> None:
    instance = Instance(identity=INSTANCE, key="key", phase=phase)
    state = State(instances={instance.place: instance})
    assert (may_offer(state, DIED, NOW) is Leave.NOW) is (phase not in (Phase.REMOVED, Phase.VANISHED))
    process = ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, "nova-compute")
    assert may_offer(state, process, NOW) is Leave.NOW


@pytest.mark.parametrize("phase", Phase)
def test_what_is_dead_since_before_a_restart_of_the_host_waits_to_be_looked_at(phase: Phase) -> None:
    instance = Instance(identity=INSTANCE, key="key", phase=phase, boot=Boot.EARLIER)
    assert (may_offer(State(instances={instance.place: instance}), DIED, NOW) is Leave.NOW) is (
        phase not in DEAD
    )


def test_of_one_that_is_not_known_nothing_waits() -> None:
    assert may_offer(State(), DIED, NOW) is Leave.NOW


IO_ERROR = VmNotification(
    "compute-1",
    NOW.wall,
    event="IO_ERROR",
    instance_uuid=INSTANCE.uuid,
    vir_domain_event="IO_ERROR_REPORT",
)
PAUSED = VmNotification(
    "compute-1",
    NOW.wall,
    event="LIFECYCLE",
    instance_uuid=INSTANCE.uuid,
    vir_domain_event="SUSPENDED_PAUSED",
)


def died(*, persistent: bool = True) -> Play:
    play = Play()
    play.census(running(persistent=persistent))
    play.event(Lifecycle.STOPPED, Stopped.FAILED)
    assert leaves(play), "a death that was just seen needs no second look"
    return play


def leaves(play: Play, told: VmNotification = DIED) -> bool:
    return may_offer(play.state, told, play.now) is Leave.NOW


def test_while_libvirt_is_away_nobody_sees_whether_it_was_started_again() -> None:
    play = died()
    play.see(LibvirtAway(URI, "gone"))
    assert play.alarm and not leaves(play) and leaves(play, PAUSED), "masakari only files that one"
    play.see(LibvirtBack(URI))
    assert not leaves(play), "it was not looked at yet"
    play.census(off(ShutoffReason.FAILED))
    assert leaves(play)


def test_one_that_runs_again_when_libvirt_is_back_is_not_told_of() -> None:
    play = died()
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    assert play.census(running()) == ["withdraw"]


def test_so_do_i_o_errors() -> None:
    play = Play()
    play.census(running())
    assert leaves(play, IO_ERROR)
    play.see(LibvirtAway(URI, "gone"))
    assert not leaves(play, IO_ERROR)


def test_one_that_a_census_does_not_list_may_have_been_taken_away() -> None:
    play = died()
    play.census()
    assert not leaves(play)
    assert play.census() == ["withdraw"]
    play = died()
    play.census()
    play.census(off(ShutoffReason.FAILED))
    assert leaves(play)


def test_one_without_a_definition_vanishes_by_dying() -> None:
    play = died(persistent=False)
    for _ in range(3):
        play.census()
        assert leaves(play)


def test_one_that_libvirt_lists_and_does_not_tell_of_may_run() -> None:
    play = died()
    play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN))
    assert not leaves(play)


def test_one_whose_last_life_cannot_be_told_does_not_wait_for_ever() -> None:
    play = died()
    play.see(LibvirtAway(URI, "gone"))
    play.wait(100).see(LibvirtBack(URI))
    play.census(off(ShutoffReason.UNKNOWN, log_read=False))
    assert play.alarm and leaves(play), "it is off, and nobody is known to have wanted that"


def test_a_look_that_an_event_overtook_which_tells_of_no_life_shows_nobody() -> None:
    """It was started while libvirt was away, and is defined anew while it is read for the first time since."""
    play = died()
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    before = play.number
    play.event(Lifecycle.DEFINED)
    play.census(running(), after=before)
    assert not leaves(play)
    assert play.census(running()) == ["withdraw"]


@pytest.mark.parametrize("first", [True, False], ids=["before it died", "after that"])
def test_one_that_could_not_be_read_and_vanished_by_dying_does_not_wait_for_ever(first: bool) -> None:
    play = Play()
    play.census(running(persistent=False))
    if not first:
        play.event(Lifecycle.STOPPED, Stopped.FAILED)
    play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN))
    if first:
        play.event(Lifecycle.STOPPED, Stopped.FAILED)
    assert not leaves(play)
    assert play.census() + play.census() == []
    assert leaves(play), "libvirt, which had no definition of it, will never list it again"
