"""An instance that ends, played: whether masakari is told, and what would hold that."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.observation import Census, LibvirtAway
from masakarimonitors.instancemonitor.core.rehearsal.ends import (
    WANTED,
    End,
    Fate,
    Outcome,
    find,
    play,
    running,
)
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off
from tests.fixtures.instance_play import running as runs


def ends(seen: Play, end: End, silenced: str = "") -> Outcome:
    instance = find(seen.state, INSTANCE.uuid)
    assert instance is not None
    played = play(seen.policy, seen.state, instance, end, now=seen.now, within=900.0, silenced=silenced)
    assert not played.defects
    return played


def fates(seen: Play) -> Mapping[End, Fate]:
    return {end: ends(seen, end).fate for end in End}


def up() -> Play:
    seen = Play()
    seen.census(runs(), runs(OTHER))
    return seen


def test_one_that_runs_is_told_of_at_once_when_it_dies_and_not_when_it_is_stopped() -> None:
    assert fates(up()) == {
        End.DIES: Fate.REPORTED,
        End.PANICS: Fate.REPORTED,
        End.STOPS: Fate.FILED,
        End.HOST: Fate.WITH_HOST,
    }
    died = ends(up(), End.DIES)
    assert died.after == 0.0 and "QEMU process ended and nobody had asked for it" in died.why
    assert "somebody wanted it so" in ends(up(), End.STOPS).why
    seen = Play(actionable_only=True)
    seen.census(runs())
    assert fates(seen)[End.STOPS] is Fate.NOT_REPORTED
    assert all(fate in WANTED[end] for end, fate in fates(seen).items())
    assert "simulate host:NAME" in ends(up(), End.HOST).why


def test_nothing_of_the_play_is_left_in_what_it_began_with() -> None:
    seen = up()
    before = seen.state
    fates(seen)
    assert seen.state is before and seen.state == up().state


@pytest.mark.parametrize("persistent", [True, False])
def test_while_its_libvirt_is_away_nothing_is_told(persistent: bool) -> None:
    seen = Play()
    seen.census(runs(persistent=persistent))
    seen.see(LibvirtAway(URI, "no answer"))
    died = ends(seen, End.DIES)
    assert (died.fate, died.after) == (Fate.HELD, None)
    assert died.held.startswith("no answer. What ends that: libvirtd")
    assert ends(seen, End.PANICS).fate is Fate.HELD
    assert ends(seen, End.STOPS).fate is Fate.NOT_REPORTED


def test_another_libvirt_that_is_away_holds_nothing_of_it() -> None:
    seen = up()
    seen.see(LibvirtAway("lxc:///", "no answer"))
    assert ends(seen, End.DIES).fate is Fate.REPORTED


def test_one_that_is_off_has_no_end_to_tell_of() -> None:
    seen = Play()
    seen.census(runs())
    seen.event(Lifecycle.STOPPED, 0)
    died = ends(seen, End.DIES)
    assert died.fate is Fate.NOT_REPORTED and "it is off because somebody wanted it so" in died.why


def test_one_whose_death_is_told_is_not_told_again() -> None:
    seen = up()
    seen.event(Lifecycle.STOPPED, 5)
    died = ends(seen, End.DIES)
    assert died.fate is Fate.NOT_REPORTED and "that is reported" in died.why


def test_one_of_which_nobody_can_tell_whether_it_died_is_held() -> None:
    seen = up()
    seen.see(Census(URI, (off(ShutoffReason.UNKNOWN, log_read=False), runs(OTHER)), seen.number))
    died = ends(seen, End.DIES)
    assert died.fate is Fate.HELD and "start it by hand" in died.held


def test_a_silence_holds_it() -> None:
    died = ends(up(), End.DIES, silenced="a silence until noon")
    assert (died.fate, died.after, died.held) == (Fate.HELD, 0.0, "a silence until noon")


def test_it_is_played_from_none() -> None:
    seen = Play()
    state = running(seen.policy, INSTANCE, seen.now)
    instance = find(state, INSTANCE.name.upper())
    assert instance is not None
    played = play(
        replace(seen.policy, actionable_only=True), state, instance, End.DIES, now=seen.now, within=1.0
    )
    assert played.fate is Fate.REPORTED
    assert find(state, "another") is None
