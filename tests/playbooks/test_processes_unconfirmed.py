"""Reports about processes that the last life left undelivered: confirmed when every restart was tried again in vain."""

from masakarimonitors.processmonitor.core.observation import Entry, ListRead, Presence
from tests.fixtures.process_play import NOVA, Play

SUBJECT = f"process:{NOVA.process_name}"


def left(*entries: Entry) -> Play:
    """The monitor was restarted with the report about nova-compute, and has read this list."""
    return Play(*(entries or (NOVA,)), memory=[SUBJECT]).adopts_report_of(NOVA.process_name)


def test_it_is_confirmed_when_its_start_and_all_restarts_have_failed_again() -> None:
    play = left()
    assert play.waits_for == "whether it runs was not seen yet"
    play.gone()
    tries = 0
    while play.unconfirmed:
        assert play.waits_for == "its start and its restarts are tried first"
        play.fail_a_try()
        tries += 1
    assert (play.confirmed, play.dropped) == ([SUBJECT], [])
    assert tries == 1 + play.policy.tries, "its start, and each restart"


def test_a_host_that_has_just_booted_has_its_processes_started_and_accuses_none() -> None:
    play = left()
    play.gone()
    play.runs("start")
    play.ends(0)
    play.answer(Presence.RUNNING)
    assert (play.confirmed, play.dropped) == ([], [SUBJECT])


def test_one_that_runs_is_taken_back() -> None:
    play = left()
    play.running()
    assert (play.confirmed, play.dropped) == ([], [SUBJECT])


def test_one_that_cannot_be_seen_waits_without_end() -> None:
    play = left()
    play.see(Presence.UNKNOWN)
    play.wait(7200)
    assert play.waits_for == "whether it runs cannot be seen"


def test_one_that_is_on_the_list_no_more_is_withdrawn() -> None:
    play = left(Entry(process_name="another"))
    assert play.dropped == [SUBJECT]
    play = left()
    play.list_is(Entry(process_name="another"))
    assert play.dropped == [SUBJECT]


def test_before_the_list_was_read_nothing_is_said() -> None:
    play = Play()
    play.begin(type(play.state)())
    play.adopts_report_of(NOVA.process_name)
    assert play.waits_for == "the list of processes has not been read yet"
    play.tell(ListRead((), "list"))
    assert play.dropped == [SUBJECT]
