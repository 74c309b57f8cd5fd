"""Two libvirts under one monitor: what one says of its guests says nothing of the other's."""

from masakarimonitors.core.decision import Ruling
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.memory import restore
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Availability,
    Census,
    GuestGone,
    GuestSeen,
    LibvirtAway,
)
from tests.fixtures.guest_play import RUN, A, B, Play

HERE, THERE = "qemu:///system", "qemu+tcp://there/system"


def both() -> Play:
    play = Play().feed(
        GuestSeen(uuid=A, name="a", run=RUN, availability=Availability.RUNNING, where=HERE),
        GuestSeen(uuid=B, name="b", run=RUN, availability=Availability.RUNNING, where=THERE),
    )
    return play.answers(A).answers(B)


def test_one_away_leaves_the_other_judged() -> None:
    play = both().feed(LibvirtAway("refused", HERE))
    assert play.rulings == [Ruling.BLIND]
    play.goes_silent(A, times=3)
    assert not play.notified
    assert [uuid for uuid, _, _ in play.goes_silent(B, times=3).notified] == [B]


def test_a_census_is_about_its_own_guests() -> None:
    play = both().feed(Census(frozenset({A}), where=HERE))
    assert set(play.state.guests) == {A, B}
    play.feed(Census(frozenset(), where=THERE))
    assert set(play.state.guests) == {A}


def test_a_guest_that_a_live_migration_has_brought_to_another_one_is_watched_there() -> None:
    play = both().feed(
        GuestSeen(uuid=A, name="a", run="boot-9", availability=Availability.RUNNING, where=THERE)
    )
    play.answers(A, run="boot-9").feed(GuestGone(A, "it stopped", HERE))
    assert play.phase(A) is Phase.HEALTHY and play.state.guests[A].where == THERE
    play.feed(GuestGone(A, "it stopped", THERE))
    assert set(play.state.guests) == {B}


def test_a_question_goes_to_the_libvirt_of_its_guest() -> None:
    play = both().misses(B)
    assert [command.where for command in play.asked] == [THERE]


def test_what_is_remembered_of_one_waits_for_that_one() -> None:
    play = both()
    play.state = restore(play.memory, (HERE, THERE))
    play.feed(
        Census(frozenset({A}), where=HERE),
        GuestSeen(uuid=B, name="b", run=RUN, availability=Availability.RUNNING, where=THERE),
    )
    assert play.phase(B) is Phase.HEALTHY


def test_a_guest_of_a_uri_that_is_not_watched_any_more_is_looked_for_at_the_first() -> None:
    play = both().goes_silent(B, times=3)
    play.state = restore(play.memory, ("qemu+tls://elsewhere/system",))
    play.feed(Census(frozenset(), where="qemu+tls://elsewhere/system"))
    assert play.withdrawn == [f"vm:{B}"]
