"""A look is noted when nothing of it waits any more, and on disk where that says something new there."""

from dataclasses import replace

from masakarimonitors.core.decision import Instant, Remember
from masakarimonitors.instancemonitor.core.evidence.looks import begin_look, look_at, looked_at, note_looks
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt
from masakarimonitors.instancemonitor.core.sight.legible import Legible
from masakarimonitors.instancemonitor.core.state import Aside, State
from tests.fixtures.instance_play import INSTANCE, URI, Play, running

NOW = Play().now
WALL = NOW.wall.timestamp()
AWAITED = State(libvirts={URI: Libvirt(Connection.AWAITED)})


def taken(state: State, now: Instant = NOW) -> State:
    return look_at(begin_look(state, URI), URI, now)


def test_the_first_look_since_the_start_is_noted_and_a_later_one_is_not() -> None:
    state, decision = note_looks(taken(AWAITED), "b")
    assert decision.commands == (Remember("host", {"boot_id": "b", "looked": {URI: WALL}}),)
    assert state.looked == {URI: WALL} and state.libvirt(URI).sight is Connection.SETTLED
    state, decision = note_looks(taken(state), "b")
    assert not decision.commands and state.libvirt(URI).sight is Connection.SETTLED


def test_a_look_of_which_a_reading_waits_is_noted_with_the_time_at_which_it_was_made() -> None:
    waits = replace(taken(AWAITED), aside={(URI, INSTANCE.uuid): Aside(running(), 0)})
    assert note_looks(waits, "b")[0] == waits
    assert note_looks(replace(waits, aside={}), "b")[0].looked == {URI: WALL}


def test_a_clock_that_was_ahead_is_set_right_on_disk() -> None:
    state = note_looks(taken(replace(AWAITED, looked={URI: WALL + 60})), "b")[0]
    assert state.looked == {URI: WALL}
    ahead = replace(state, looked={URI: WALL + 60})
    assert looked_at(ahead, ahead.known(INSTANCE), NOW) == 0.0
    assert note_looks(taken(ahead), "b")[0].looked == {URI: WALL}


def test_of_one_that_could_not_be_read_the_look_before_that_counts() -> None:
    state = replace(AWAITED, looked={URI: WALL})
    known = state.known(INSTANCE)
    assert looked_at(state, known, NOW) == WALL
    assert looked_at(state, replace(known, legible=Legible.NOT, read_before=5.0), NOW) == 5.0
