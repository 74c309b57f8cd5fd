"""What may leave: all but what is said of a guest that nobody can see."""

import pytest

from masakarimonitors.core.notification import HostEvent, Leave, ProcessNotification
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Availability,
    Census,
    LibvirtAway,
)
from masakarimonitors.introspectiveinstancemonitor.core.offers.leaving import may_offer
from tests.fixtures.guest_play import A, B, Play, report_of


def reported() -> Play:
    play = Play()
    play.seen().answers().goes_silent()
    assert play.state.guests[A].waiting is not None and leaves(play)
    return play


def leaves(play: Play, uuid: str = A) -> bool:
    return may_offer(play.state, report_of(uuid, play.now.wall), play.now) is Leave.NOW


@pytest.mark.parametrize("lost", ["libvirt", "agents"])
def test_while_nobody_can_ask_it_its_report_waits_and_until_it_was_asked_again(lost: str) -> None:
    play = reported()
    play.feed(LibvirtAway("refused") if lost == "libvirt" else AgentsOutOfReach("refused"))
    assert any(verdict.alarm for verdict in play.verdicts) and not leaves(play)
    assert leaves(play, B), "of another one nothing is known"
    play.feed(Census(frozenset({A})) if lost == "libvirt" else AgentsInReach())
    play.seen()
    assert not leaves(play), "it may have come to life"
    play.after(15.0).misses()
    assert leaves(play)


def test_one_that_answers_then_is_not_reported() -> None:
    play = reported()
    play.feed(LibvirtAway("refused"))
    play.feed(Census(frozenset({A}))).answers()
    assert play.withdrawn == [f"vm:{A}"]


def test_one_whose_guest_has_crashed_needs_no_question() -> None:
    play = reported()
    play.feed(LibvirtAway("refused"))
    play.feed(Census(frozenset({A}))).seen(availability=Availability.CRASHED)
    assert leaves(play)


def test_one_of_which_libvirt_tells_nothing_waits() -> None:
    play = reported()
    play.feed(Census(frozenset(), unread=frozenset({A})))
    assert not leaves(play)


def test_what_is_about_no_guest_is_not_held() -> None:
    play = reported()
    process = ProcessNotification("compute1", play.now.wall, HostEvent.STOPPED, "nova-compute")
    assert may_offer(play.state, process, play.now) is Leave.NOW
