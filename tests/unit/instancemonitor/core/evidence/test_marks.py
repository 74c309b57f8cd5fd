"""Of one that its libvirt lists and does not tell of: said once, shown until it is told."""

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.instancemonitor.core.observation import Power, Reading
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import Lifecycle
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, running

UNTOLD = Reading(instance=INSTANCE, power=Power.UNKNOWN)


def shown(play: Play) -> dict[str, tuple[str, bool]]:
    return {subject.removeprefix("vm:"): (state, alarm) for subject, state, _, alarm in describe(play.state)}


@pytest.mark.parametrize("restarted", [False, True])
def test_one_that_cannot_be_read_is_unknown_and_an_alarm_said_once(restarted: bool) -> None:
    play = Play()
    play.census(running(), running(OTHER))
    if restarted:
        play.restart(uris=[URI])
    play.census(UNTOLD, running(OTHER))
    assert [(verdict.ruling, verdict.alarm) for verdict in play.verdicts] == [(Ruling.BLIND, True)]
    for _ in range(9):
        play.wait(60).census(UNTOLD, running(OTHER))
        assert play.verdicts == []
    assert shown(play) == {INSTANCE.uuid: ("unknown", True), OTHER.uuid: ("up", False)}


@pytest.mark.parametrize("by", ["reading", "event"])
def test_it_is_known_again_when_it_is_told(by: str) -> None:
    play = Play()
    play.census(UNTOLD)
    if by == "reading":
        play.census(running())
    else:
        play.event(Lifecycle.STARTED)
    assert shown(play) == {INSTANCE.uuid: ("up", False)}
    play.census(UNTOLD)
    assert play.ruling == "blind", "another time"


def test_one_that_is_not_listed_any_more_is_not_said_to_be_listed() -> None:
    play = Play()
    play.census(running(persistent=False), running(OTHER))
    play.census(UNTOLD, running(OTHER))
    play.census(running(OTHER))
    assert shown(play)[INSTANCE.uuid] == ("unknown", True)
    assert not any("lists it" in detail for _, _, detail, _ in describe(play.state))
    play.census(running(OTHER))
    assert shown(play)[INSTANCE.uuid] == ("unsure", True), "it may have died, and is asked about"
