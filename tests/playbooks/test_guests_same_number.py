"""libvirt's number of a guest's life comes again after a restart of libvirtd: a later life is another one all the same.

When its QEMU was begun tells the two apart, where libvirt's pidfiles can be seen.
"""

from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import Census, GuestRestarted, LibvirtAway
from tests.fixtures.guest_play import RUN, A, Play

FIRST, LATER = 1_795_863_268_369_904_233, 1_795_863_271_421_798_449


def healthy(born: int = FIRST, **options: Any) -> Play:
    return Play(**options).seen(born=born).answers()


def meanwhile(play: Play, unheard: str, born: int) -> Play:
    """Nobody hears what happens; when that ends libvirtd was started anew, and this is what it lists."""
    if unheard == "monitor":
        return play.restart_monitor().seen(born=born)
    play.feed(LibvirtAway("it was stopped"))
    play.seen(born=born)
    commands = play.commands
    play.feed(Census(frozenset({A})))
    play.commands = commands + play.commands
    return play


UNHEARD = pytest.mark.parametrize("unheard", ["monitor", "libvirt"])


@UNHEARD
def test_a_later_life_that_boots_is_not_accused_because_the_one_before_had_answered(unheard: str) -> None:
    play = meanwhile(healthy(), unheard, LATER)
    assert play.phase() is Phase.AWAITED
    assert not play.goes_silent(times=8).notified


@UNHEARD
def test_what_was_reported_of_the_one_before_is_taken_back_and_the_later_one_is_reported_itself(
    unheard: str,
) -> None:
    play = meanwhile(healthy().goes_silent(), unheard, LATER)
    assert play.withdrawn == [f"vm:{A}"] and play.phase() is Phase.AWAITED
    assert len(play.answers().goes_silent().notified) == 1


@UNHEARD
@pytest.mark.parametrize("born", [FIRST, 0])
def test_the_same_life_goes_on_also_when_the_pidfile_cannot_be_seen_for_once(unheard: str, born: int) -> None:
    play = meanwhile(healthy(), unheard, born)
    assert play.phase() is Phase.HEALTHY and play.state.guests[A].born == FIRST
    assert len(play.goes_silent().notified) == 1
    assert meanwhile(play, unheard, LATER).withdrawn == [f"vm:{A}"]


@pytest.mark.parametrize(
    ("born", "dropped", "confirmed"), [(LATER, [f"vm:{A}"], []), (FIRST, [], [f"vm:{A}"])]
)
def test_a_report_of_the_one_before_is_not_sent_about_the_later_one(
    born: int, dropped: list[str], confirmed: list[str]
) -> None:
    play = healthy().goes_silent().restart_with_its_report().seen(born=born)
    withdrawn = play.withdrawn
    play.goes_silent(times=6)
    assert (withdrawn, play.confirmed) == (dropped, confirmed)


def test_one_of_an_earlier_release_goes_on_and_is_named_from_then_on() -> None:
    play = healthy(born=0)
    assert "born" not in play.memory[f"guest:{A}"]
    play.restart_monitor().seen(born=FIRST)
    assert play.phase() is Phase.HEALTHY and play.memory[f"guest:{A}"]["born"] == FIRST
    assert play.restart_monitor().seen(born=LATER).phase() is Phase.AWAITED


def test_a_start_that_is_heard_names_the_later_life() -> None:
    play = healthy().feed(GuestRestarted(A, RUN, "booted", LATER)).seen(born=LATER)
    assert play.phase() is Phase.AWAITED and play.answers().phase() is Phase.HEALTHY
    assert play.restart_monitor().seen(born=LATER).phase() is Phase.HEALTHY


def test_one_that_left_and_comes_back_with_the_same_name_is_awaited() -> None:
    play = healthy().goes_silent().settled()
    play.feed(Census(frozenset()))
    assert play.seen(born=FIRST).phase() is Phase.AWAITED
