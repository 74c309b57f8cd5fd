"""What is remembered of a libvirt that is configured no more."""

from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Remember, Ruling, Withdraw
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.reports.strangers import dismiss_strangers
from masakarimonitors.instancemonitor.core.state import Instance, State
from tests.fixtures.instance_play import INSTANCE

ELSEWHERE = Instance(identity=replace(INSTANCE, uri="qemu+tls://gone/system"), key="machine:1")


@pytest.mark.parametrize("phase", Phase)
def test_it_is_forgotten_with_a_word_and_what_waits_of_it_is_taken_back(phase: Phase) -> None:
    state, decision = dismiss_strangers(State(strangers=(replace(ELSEWHERE, phase=phase),)))
    dead, kinds = phase in DEAD, [type(command) for command in decision.commands]
    assert kinds == ([Withdraw, Remember] if dead else [Remember])
    (verdict,) = decision.verdicts
    assert verdict.alarm is dead and verdict.ruling is (Ruling.WITHDRAWN if dead else Ruling.PLANNED)
    assert "connection_uri" in verdict.why
    assert dismiss_strangers(state) == (state, replace(decision, commands=(), verdicts=()))
