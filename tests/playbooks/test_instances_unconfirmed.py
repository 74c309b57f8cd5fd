"""Reports about instances that the last life left undelivered: confirmed by a reading, or taken back."""

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Census,
    Identity,
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    Power,
    Process,
    Reading,
)
from masakarimonitors.instancemonitor.core.stories import QUIET
from masakarimonitors.libvirt.domain_state import Crashed, Lifecycle, ShutoffReason, Stopped, Suspended
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

SUBJECT = f"vm:{INSTANCE.uuid}"
SECOND = "qemu+tcp://192.0.2.2/system"
DEAD = off(ShutoffReason.CRASHED)


def died(*more: Identity, boot_id: str | None = None, uris: tuple[str, ...] = (URI,)) -> Play:
    """The monitor was restarted with the report of a death."""
    play = Play()
    play.census(*(running(one) for one in (INSTANCE, *more)))
    for one in (INSTANCE, *more):
        play.event(Lifecycle.STOPPED, Stopped.FAILED, one)
    play.restart(boot_id, uris)
    for one in (INSTANCE, *more):
        play.adopts_report_of(one)
    return play


def test_it_is_confirmed_when_its_libvirt_was_read_and_shows_it_dead() -> None:
    play = died()
    assert play.waits_for == f"libvirt {URI} has not been read yet"
    play.census(DEAD)
    assert (play.confirmed, play.unconfirmed) == ([SUBJECT], [])


@pytest.mark.parametrize(
    ("event", "detail"), [(Lifecycle.STOPPED, Stopped.FAILED), (Lifecycle.CRASHED, Crashed.PANICKED)]
)
@pytest.mark.parametrize("restarted", [False, True])
def test_it_is_taken_back_when_libvirt_calls_it_off_and_its_qemu_lives(
    event: Lifecycle, detail: int, restarted: bool
) -> None:
    play = Play()
    play.census(running())
    play.event(event, detail)
    if restarted:
        play.restart(uris=(URI,))
        play.adopts_report_of()
    assert play.census(off(ShutoffReason.UNKNOWN, Process.ALIVE)) == ["withdraw"]
    assert play.alarm and (play.confirmed, play.dropped) == ([], [SUBJECT] if restarted else [])


def test_it_is_taken_back_when_the_instance_runs_however_late_libvirt_answers() -> None:
    play = died()
    play.see(LibvirtAway(URI, "no socket yet"))
    play.wait(3600)
    assert "is away" in play.waits_for
    play.see(LibvirtBack(URI))
    play.census(running())
    assert (play.confirmed, play.dropped) == ([], [SUBJECT])


def test_one_dead_instance_that_stays_unknown_holds_up_no_other_and_is_not_sent() -> None:
    play = died(OTHER)
    for _ in range(3):
        play.wait(60)
        play.census(DEAD, Reading(instance=OTHER, power=Power.UNKNOWN))
    assert play.confirmed == [SUBJECT]
    assert "does not tell how" in play.waits_for


def test_it_waits_for_every_libvirt_for_it_may_live_there() -> None:
    play = died(uris=(URI, SECOND))
    play.census(DEAD)
    play.wait(3600)
    assert play.waits_for == f"libvirt {SECOND} has not been read yet"
    there = Identity(INSTANCE.uuid, INSTANCE.name, SECOND)
    play.see(Census(SECOND, (running(there),), 0))
    assert (play.confirmed, play.dropped) == ([], [SUBJECT])


def test_after_a_restart_of_the_host_nobody_can_see_whether_it_was_recovered_with_it() -> None:
    play = died(boot_id="boot-2")
    assert play.census(off(ShutoffReason.UNKNOWN, last_words="crashed")) == ["withdraw"] and play.alarm
    assert play.confirmed == []


def test_nor_while_libvirt_does_not_tell_how_it_stands() -> None:
    play = died(boot_id="boot-2")
    play.census(Reading(instance=INSTANCE, power=Power.UNKNOWN))
    assert play.waits_for and play.confirmed == []


def test_one_whose_definition_was_removed_is_waited_for() -> None:
    play = Play()
    play.census(running(persistent=True))
    play.event(Lifecycle.STOPPED, Stopped.FAILED)
    play.event(Lifecycle.UNDEFINED)
    play.restart(uris=(URI,))
    play.adopts_report_of()
    play.event(Lifecycle.DEFINED)
    play.census(Reading(instance=INSTANCE, power=Power.STARTING))
    assert play.confirmed == []
    play.event(Lifecycle.STOPPED, Stopped.FAILED)
    play.census(off(ShutoffReason.FAILED, last_words="crashed"))
    assert play.confirmed == [SUBJECT]


def test_one_that_vanished_by_dying_is_confirmed_once_two_censuses_have_not_listed_it() -> None:
    play = Play()
    play.census(running(persistent=False))
    play.event(Lifecycle.STOPPED, Stopped.FAILED)
    play.restart(uris=(URI,))
    play.adopts_report_of()
    play.census()
    assert "did not list" in play.waits_for
    play.census()
    assert play.confirmed == [SUBJECT]


@pytest.mark.parametrize(
    ("event", "detail"),
    [(Lifecycle.DEFINED, 1), (Lifecycle.SHUTDOWN, 0), (Lifecycle.SUSPENDED, Suspended.MIGRATED)],
)
@pytest.mark.parametrize("reading", [running(), DEAD], ids=["runs", "is dead"])
def test_a_look_that_an_event_overtook_which_tells_of_no_life_lets_no_report_go(
    event: Lifecycle, detail: int, reading: Reading
) -> None:
    """It was started unheard; while it is read for the first time, its definition is changed, or it begins to leave."""
    play = died()
    before = play.number
    play.event(event, detail)
    play.census(reading, after=before)
    assert (play.confirmed, play.dropped) == ([], [])
    play.census(reading)
    assert (play.confirmed, play.dropped) == (([], [SUBJECT]) if reading == running() else ([SUBJECT], []))


def test_nor_does_one_call_io_errors_over() -> None:
    play = Play()
    play.census(running())
    play.number += 1
    play.see(IoFailed(INSTANCE, play.number, 2, "vda"))
    play.restart(uris=(URI,))
    play.adopts_report_of(words=("IO_ERROR", "IO_ERROR_REPORT"))
    play.event(Lifecycle.DEFINED, 1)
    play.census(running(), after=0)
    assert (play.confirmed, play.dropped) == ([], [])
    play.census(running())
    assert play.confirmed == [SUBJECT]


def test_of_a_libvirt_that_is_configured_no_more_it_is_withdrawn_with_a_word() -> None:
    play = died(uris=(SECOND,))
    play.see(Census(SECOND, (), 0))
    assert play.dropped == [SUBJECT] and play.alarm


def test_of_an_instance_that_nobody_remembers_it_is_withdrawn_once_all_were_read() -> None:
    play = Play()
    play.restart(uris=(URI,))
    play.adopts_report_of()
    assert play.unconfirmed
    play.census(running(OTHER))
    assert play.dropped == [SUBJECT]


def test_what_masakari_only_files_accuses_nobody() -> None:
    play = Play()
    play.adopts_report_of(words=("REBOOT", "UNKNOWN"))
    assert play.confirmed == [SUBJECT]


@pytest.mark.parametrize(("away", "confirmed"), [(30.0, True), (600.0, False)])
def test_io_errors_are_told_while_they_are_not_over(away: float, confirmed: bool) -> None:
    play = Play()
    play.census(running())
    play.number += 1
    play.see(IoFailed(INSTANCE, play.number, 2, "vda"))
    play.restart(uris=(URI,))
    play.adopts_report_of(words=("IO_ERROR", "IO_ERROR_REPORT"))
    play.seconds += away
    play.census(running())
    if not confirmed:
        assert "whether it still has I/O errors" in play.waits_for
        play.wait(QUIET + 1)
    assert (play.confirmed, play.dropped) == (([SUBJECT], []) if confirmed else ([], [SUBJECT]))


def test_io_errors_of_one_that_is_off_are_over() -> None:
    play = died()
    play.unconfirmed.clear()
    play.adopts_report_of(words=("IO_ERROR", "IO_ERROR_REPORT"))
    play.census(DEAD)
    assert play.dropped == [SUBJECT]


@pytest.mark.parametrize(
    ("halt", "confirmed"), [(Suspended.IOERROR, True), (Suspended.WATCHDOG, False), (None, False)]
)
def test_io_errors_of_one_that_stands_still_because_of_one_are_not_over(
    halt: Suspended | None, confirmed: bool
) -> None:
    """It makes no request any more, so that it will have no other one."""
    play = Play()
    play.census(running())
    play.number += 1
    play.see(IoFailed(INSTANCE, play.number, 2, "vda"))
    play.restart(uris=(URI,))
    play.adopts_report_of(words=("IO_ERROR", "IO_ERROR_REPORT"))
    play.wait(10 * QUIET)
    play.census(Reading(instance=INSTANCE, power=Power.PAUSED, halt=halt))
    assert (play.confirmed, play.dropped) == ([SUBJECT] if confirmed else [], [])
