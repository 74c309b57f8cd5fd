"""Who has to wait for a look at every libvirt, and what is known of the same instance elsewhere."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import WakeAt
from masakarimonitors.instancemonitor.core.evidence.first_look import (
    FIRST_LOOK,
    PATIENCE,
    accuses,
    checked,
    give_up,
    must_wait,
    put_aside,
    take_up,
    without,
)
from masakarimonitors.instancemonitor.core.lifecycle import Fact, Phase, Seen
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt
from masakarimonitors.instancemonitor.core.sight.hearing import Hearing
from masakarimonitors.instancemonitor.core.state import Aside, State
from masakarimonitors.libvirt.domain_state import ShutoffReason
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off

AWAITED = Libvirt(Connection.AWAITED)
WHOLE, MISSED = Hearing.WHOLE, Hearing.MISSED
ELSEWHERE = "qemu+tcp://b/system"
DEAD = off(ShutoffReason.CRASHED)
NOW = Play().now


def test_only_another_libvirt_is_waited_for() -> None:
    assert not must_wait(State(libvirts={URI: AWAITED}), URI)
    assert must_wait(State(libvirts={URI: AWAITED}), ELSEWHERE)


def test_only_what_ends_in_a_report_waits() -> None:
    died, began = Seen(Fact.DIED, ""), Seen(Fact.LIVES, "")
    assert accuses(Phase.UP, (died,)) and accuses(Phase.DOWN, (began, died))
    assert not accuses(Phase.DOWN, (died,)) and not accuses(Phase.UP, (Seen(Fact.STOPPED, ""),))


def test_the_time_runs_from_the_first_that_waits_and_ends_with_the_last_look() -> None:
    state, decision = put_aside(State(), DEAD, 3, NOW)
    assert decision.commands == (WakeAt(FIRST_LOOK, NOW.monotonic + PATIENCE),)
    state, decision = put_aside(without(state, (URI, INSTANCE.uuid)), DEAD, 4, NOW)
    assert decision.commands == () and list(state.aside.values()) == [Aside(DEAD, 4)]
    state, waiting, decision = take_up(state)
    assert waiting == (Aside(DEAD, 4),) and decision.commands == (WakeAt(FIRST_LOOK, None),)
    assert not state.aside and take_up(state)[2].commands == ()


def test_those_that_were_not_read_in_time_are_named() -> None:
    state, decision = give_up(State(libvirts={ELSEWHERE: Libvirt(Connection.AWAY_AWAITED, "refused")}), NOW)
    assert not state.awaited
    (verdict,) = decision.verdicts
    assert verdict.alarm and verdict.subject == f"libvirt:{ELSEWHERE}" and verdict.evidence == "refused"


@pytest.mark.parametrize(
    ("phase", "unwatched", "fact", "then"),
    [
        (Phase.UP, False, Fact.DIED, Fact.STOPPED),
        (Phase.UP, False, Fact.UNSURE, Fact.STOPPED),
        (Phase.UP, True, Fact.DIED, Fact.UNSURE),
        (Phase.UP, True, Fact.STOPPED, Fact.STOPPED),
        (Phase.DOWN, False, Fact.DIED, Fact.DIED),
        (Phase.FAILED, False, Fact.PANICKED, Fact.PANICKED),
    ],
)
def test_what_is_known_elsewhere_outranks_a_reading(
    phase: Phase, unwatched: bool, fact: Fact, then: Fact
) -> None:
    known = replace(State().known(INSTANCE), phase=Phase.UP)
    state = State().put(known)
    there = state.known(replace(INSTANCE, uri=ELSEWHERE))
    state = state.put(replace(there, phase=phase, hearing=MISSED if unwatched else WHOLE))
    assert checked(state, known, Seen(fact, "why")).fact is then
    news = Seen(fact, "why", news=True)
    assert checked(state, known, news) is news, "what libvirt tells as it happens needs no other's word"
    assert checked(state, state.known(OTHER), Seen(fact, "why")).fact is fact
