"""libvirt's number of a life comes again after a restart of libvirtd: what the same number proves, and what not.

libvirtd counts on from the highest domain that lives when it starts. So a later life of the same instance may have the
number of the one before; when its QEMU was begun tells the two apart, where libvirt's pidfiles can be seen.
"""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    Identity,
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.libvirt.domain_state import Crashed, Lifecycle, ShutoffReason, Stopped, Suspended
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

REPORT = "report LIFECYCLE/STOPPED_FAILED"
FIRST = replace(INSTANCE, run=7, born=1_795_863_268_369_904_233)
LATER = replace(INSTANCE, run=7, born=1_795_863_271_421_798_449)
NUMBER = replace(INSTANCE, run=7)
AGAIN = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock"


def phase(play: Play, uri: str = URI) -> str:
    return str(play.state.instances[uri, INSTANCE.uuid].phase)


def away(play: Play, unheard: str) -> None:
    """Nobody hears what happens; when that ends libvirtd was started anew."""
    if unheard == "monitor":
        play.restart()
    else:
        play.see(LibvirtAway(URI, "away"))
        play.see(LibvirtBack(URI))


def crashed(first: Identity = FIRST, unheard: str = "libvirt") -> Play:
    """Its guest crashed, its QEMU is kept, and that is reported; then nobody hears anything for a while."""
    play = Play()
    play.census(running(first))
    assert play.event(Lifecycle.CRASHED, Crashed.PANICKED, replace(first, born=0)) == [REPORT]
    away(play, unheard)
    return play


@pytest.mark.parametrize("unheard", ["monitor", "libvirt"])
def test_the_crash_of_a_later_life_with_the_number_of_the_one_before_is_reported(unheard: str) -> None:
    play = crashed(unheard=unheard)
    assert REPORT in play.census(Reading(instance=LATER, power=Power.PANICKED))
    assert REPORT not in play.census(Reading(instance=LATER, power=Power.PANICKED)), "once"


@pytest.mark.parametrize("unheard", ["monitor", "libvirt"])
def test_that_of_the_same_life_is_not_reported_again(unheard: str) -> None:
    play = crashed(unheard=unheard)
    for power in (Power.PANICKED, Power.PAUSED):
        assert play.census(Reading(instance=FIRST, power=power)) == [] and not play.alarm
    assert phase(play) == "panicked"


@pytest.mark.parametrize("unheard", ["monitor", "libvirt"])
@pytest.mark.parametrize("power", [Power.PANICKED, Power.PAUSED])
def test_whether_it_is_the_same_is_an_alarm_where_the_number_alone_is_known(
    power: Power, unheard: str
) -> None:
    """As at another host. It stands until something tells."""
    play = crashed(NUMBER, unheard)
    assert play.census(Reading(instance=NUMBER, power=power)) == []
    assert play.verdicts[-1].alarm and "cannot be told" in play.verdicts[-1].why
    assert play.census(Reading(instance=NUMBER, power=power)) == [] and not play.verdicts, "said once"
    assert phase(play) == "panicked"
    assert play.census(running(NUMBER)) == ["withdraw"]
    assert play.event(Lifecycle.STOPPED, 5) == [REPORT]


def test_one_that_may_live_anew_has_not_died_by_the_end_of_a_process_that_was_seen_before() -> None:
    """It has no definition: if it is moved away unheard, nothing but that it is not listed tells so."""
    play = Play()
    play.census(running(NUMBER, persistent=False))
    play.event(Lifecycle.CRASHED, Crashed.PANICKED, NUMBER)
    play.see(LibvirtAway(URI, "away"))
    play.ended(NUMBER)
    play.see(LibvirtBack(URI))
    play.census(Reading(instance=NUMBER, power=Power.PAUSED, persistent=False))
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    assert play.census() + play.census() == ["ask"]
    assert phase(play) == "vanished", "what is not delivered waits"


@pytest.mark.parametrize("power", [Power.PANICKED, Power.PAUSED])
def test_the_number_alone_tells_it_where_everything_was_heard(power: Power) -> None:
    play = Play()
    play.census(running(NUMBER))
    play.event(Lifecycle.CRASHED, Crashed.PANICKED, NUMBER)
    assert play.census(Reading(instance=NUMBER, power=power)) == [] and not play.alarm


@pytest.mark.parametrize("power", [Power.PANICKED, Power.PAUSED])
def test_what_an_earlier_release_has_written_counts_as_it_did(power: Power) -> None:
    play = crashed(NUMBER, "monitor")
    assert play.census(Reading(instance=FIRST, power=power)) == [] and not play.alarm
    assert phase(play) == "panicked"


def test_when_its_qemu_was_begun_is_remembered_to_the_nanosecond() -> None:
    play = Play()
    play.census(running(FIRST))
    play.restart()
    assert play.state.instances[URI, INSTANCE.uuid].identity.born == FIRST.born
    play.restart(boot_id="boot-2")
    assert play.state.instances[URI, INSTANCE.uuid].identity.born == 0


@pytest.mark.parametrize("later", [True, False])
def test_only_the_life_whose_process_has_ended_is_one_that_libvirtd_has_not_yet_found_dead(
    later: bool,
) -> None:
    """A later one, of the same number, that is moved away unheard has not died by the end of the process before."""
    play = Play()
    play.census(running(FIRST, persistent=False))
    play.see(LibvirtAway(URI, "away"))
    play.ended()
    play.see(Asked(INSTANCE, None, play.number))
    play.see(LibvirtBack(URI))
    play.census(running(LATER if later else FIRST, persistent=False))
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(URI))
    said = play.census() + play.census()
    assert (REPORT in said) is not later and play.alarm is later


@pytest.mark.parametrize("shown", [LATER, FIRST, NUMBER])
def test_what_is_held_for_a_migration_is_a_source_unless_it_is_another_life(shown: Identity) -> None:
    """Of an arrival that is aborted nothing is reported; of a source that ends, libvirt and its log are asked."""
    play = Play()
    play.census(running(FIRST, persistent=True))
    away(play, "libvirt")
    play.census(Reading(instance=shown, power=Power.MIGRATING, persistent=False, halt=Suspended.MIGRATED))
    assert phase(play) == ("arriving" if shown is LATER else "up")


def told_at_one(first: Identity) -> Play:
    """One libvirt by two URIs; the second is away when the death is told by the first, and then back."""
    play = Play()
    play.restart(uris=[URI, AGAIN])
    for uri in (URI, AGAIN):
        play.see(Census(uri, (running(replace(first, uri=uri)),), play.number, "host"))
    play.see(LibvirtAway(AGAIN, "away"))
    assert play.event(Lifecycle.STOPPED, 5) == [REPORT]
    play.see(LibvirtAway(URI, "away"))
    play.see(LibvirtBack(AGAIN))
    return play


def test_a_death_is_not_the_one_of_an_earlier_life_of_that_number_that_the_other_uri_has_told() -> None:
    play = told_at_one(FIRST)
    there = replace(LATER, uri=AGAIN)
    play.see(Census(AGAIN, (Reading(instance=there, power=Power.PAUSED),), play.number, "host"))
    assert play.event(Lifecycle.STOPPED, 5, replace(there, run=0)) == [REPORT]


@pytest.mark.parametrize("first", [FIRST, NUMBER])
def test_where_the_number_alone_is_known_a_death_that_nobody_heard_may_be_another_one(
    first: Identity,
) -> None:
    play = told_at_one(first)
    dead = off(ShutoffReason.CRASHED, instance=replace(INSTANCE, uri=AGAIN), log_read=False)
    assert play.see(Census(AGAIN, (dead,), play.number, "host")) == []
    assert play.alarm is (first is NUMBER)
    assert any("lead to the same libvirt" in verdict.why for verdict in play.verdicts)


@pytest.mark.parametrize("later", [LATER, replace(LATER, run=8)])
@pytest.mark.parametrize("unheard", ["monitor", "libvirt"])
@pytest.mark.parametrize("what", ["disk", Lifecycle.DEFINED, Lifecycle.UNDEFINED])
@pytest.mark.parametrize("read", [True, False])
def test_an_event_that_tells_of_no_life_does_not_hide_that_a_later_one_has_begun(
    read: bool, what: Lifecycle | str, unheard: str, later: Identity
) -> None:
    """It may be heard before the first look that shows it."""
    play = crashed(unheard=unheard)
    if isinstance(what, Lifecycle):
        play.event(what, 0, later)
    else:
        play.number += 1
        play.see(IoFailed(later, play.number, 1, "virtio-disk0"))
    if read:
        assert REPORT in play.census(Reading(instance=later, power=Power.PANICKED))
    else:
        assert REPORT in play.event(Lifecycle.CRASHED, Crashed.PANICKED, later)
    assert REPORT not in play.census(Reading(instance=later, power=Power.PANICKED)), "once"


def test_nor_does_a_look_at_its_start_of_which_nobody_heard_how_that_went_on() -> None:
    play = crashed()
    later = replace(INSTANCE, run=8)
    assert play.census(Reading(instance=later, power=Power.STARTING)) == []
    away(play, "libvirt")
    assert REPORT in play.census(Reading(instance=replace(LATER, run=8), power=Power.PANICKED))


@pytest.mark.parametrize("ended", [Lifecycle.STOPPED, Lifecycle.CRASHED])
def test_a_life_that_is_heard_to_begin_with_the_number_of_one_that_is_over_is_reported_once(
    ended: Lifecycle,
) -> None:
    """It crashes before anything but events has told of it."""
    play = Play()
    play.census(running(FIRST))
    if ended is Lifecycle.STOPPED:
        play.event(ended, Stopped.SHUTDOWN, FIRST)
    else:
        assert play.event(Lifecycle.STOPPED, Stopped.FAILED, FIRST) == [REPORT]
    away(play, "libvirt")
    play.census(off(ShutoffReason.SHUTDOWN if ended is Lifecycle.STOPPED else ShutoffReason.CRASHED))
    play.event(Lifecycle.STARTED, 0, LATER)
    assert play.event(Lifecycle.CRASHED, Crashed.PANICKED, LATER) == [REPORT]
    assert play.census(Reading(instance=LATER, power=Power.PANICKED)) == [], "once"


def test_a_clock_that_was_set_back_makes_no_later_life_of_one_that_is_kept() -> None:
    play = crashed(unheard="monitor")
    play.wait(300)
    started = play.now.wall.timestamp() - 100  # by a clock that was ahead
    assert play.census(Reading(instance=FIRST, power=Power.PANICKED, started=started, log_read=True)) == []


@pytest.mark.parametrize("unheard", ["monitor", "libvirt"])
def test_that_it_is_seen_now_and_was_not_before_when_its_qemu_was_begun_makes_it_no_same_life(
    unheard: str,
) -> None:
    """As where an earlier release has written what is known: its log tells that it began after the report."""
    play = crashed(NUMBER, unheard)
    started = play.wait(60).now.wall.timestamp() - 30
    kept = Reading(instance=LATER, power=Power.PANICKED, started=started, log_read=True)
    assert REPORT in play.census(kept)
    assert play.census(kept) == [], "once"
