"""Whose process has ended is asked about, unless it is known how it ended."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.evidence.ended import is_arrival, is_known
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import Asked, LibvirtAway
from masakarimonitors.instancemonitor.core.sight.ending import Ending
from masakarimonitors.instancemonitor.core.sight.hearing import Hearing
from masakarimonitors.instancemonitor.core.state import State
from tests.fixtures.instance_play import INSTANCE, URI, Play, running

OVER = (Phase.FAILED, Phase.REMOVED, Phase.VANISHED, Phase.DOWN)


@pytest.mark.parametrize("phase", Phase)
def test_only_whose_end_is_known_is_not_asked_about(phase: Phase) -> None:
    play = Play()
    play.census(running())
    play.state = play.state.put(replace(play.state.known(INSTANCE), phase=phase))
    assert play.ended() == ([] if phase in OVER else ["ask"])


@pytest.mark.parametrize("away", [False, True])
def test_that_its_process_has_ended_is_noted_while_its_libvirt_cannot_be_asked(away: bool) -> None:
    play = Play()
    play.census(running())
    if away:
        play.see(LibvirtAway(URI, "gone"))
    assert play.ended() == ["ask"]
    assert play.state.known(INSTANCE).ending.has_ended is away


def test_what_is_only_remembered_is_not_known() -> None:
    play = Play()
    play.census(running())
    assert is_known(play.state, play.state.known(INSTANCE))
    play.restart(uris=[URI])
    assert not is_known(play.state, play.state.known(INSTANCE))


def test_only_one_that_was_arriving_until_then_has_not_arrived() -> None:
    arriving = replace(State().known(INSTANCE), phase=Phase.ARRIVING, ending=Ending.ENDED)
    answer = Asked(INSTANCE, None, 0, aborted=True)
    assert is_arrival(State().put(arriving), answer)
    for other in (
        replace(arriving, phase=Phase.UP),
        replace(arriving, ending=Ending.OPEN),
        replace(arriving, hearing=Hearing.MISSED),
        replace(arriving, number=1),
    ):
        assert not is_arrival(State().put(other), answer)
    assert not is_arrival(State(), answer)
