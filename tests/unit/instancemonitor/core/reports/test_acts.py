"""What each act of a move is: who is told what, and whether it asks for a human."""

import pytest

from masakarimonitors.core.decision import Notify, Ruling, Withdraw
from masakarimonitors.instancemonitor.core.lifecycle import Act, Fact, Phase, Seen
from masakarimonitors.instancemonitor.core.reports.acts import carry_out
from masakarimonitors.instancemonitor.core.state import Instance, Policy
from tests.fixtures.instance_play import INSTANCE, Play

KNOWN = Instance(identity=INSTANCE, key="k", phase=Phase.UP)
SEEN = Seen(Fact.DIED, "so it is seen")
NOW = Play().now
RULINGS = {
    Act.REPORT: Ruling.REPORTED,
    Act.ALARM: Ruling.HELD,
    Act.SAY_BACK: Ruling.RECOVERED,
    Act.SAY_OVER: Ruling.WITHDRAWN,
    Act.SAY_STOPPED: Ruling.PLANNED,
    Act.SAY_ABORTED: Ruling.HELD,
}
COMMANDS = {Act.REPORT: [Notify], Act.WITHDRAW: [Withdraw]}


@pytest.mark.parametrize("act", Act)
def test_each_act_says_one_thing_or_nothing(act: Act) -> None:
    _, decision = carry_out(act, KNOWN, KNOWN, SEEN, Policy("compute-1"), NOW)
    assert [verdict.ruling for verdict in decision.verdicts] == ([RULINGS[act]] if act in RULINGS else [])
    assert [type(command) for command in decision.commands] == COMMANDS.get(act, [])
    assert any(verdict.alarm for verdict in decision.verdicts) is (act is Act.ALARM)


def test_what_libvirt_tells_as_it_happens_is_not_said_to_be_planned() -> None:
    news = Seen(Fact.STOPPED, "it was switched off", news=True)
    assert not carry_out(Act.SAY_STOPPED, KNOWN, KNOWN, news, Policy("compute-1"), NOW)[1].verdicts


def test_that_nobody_will_know_more_of_it_asks_for_a_human() -> None:
    lost = Seen(Fact.LEFT, "nobody sees it", lost=True)
    for act in (Act.SAY_OVER, Act.SAY_BACK):
        (verdict,) = carry_out(act, KNOWN, KNOWN, lost, Policy("compute-1"), NOW)[1].verdicts
        assert verdict.alarm is (act is Act.SAY_OVER)


def test_one_reason_is_one_alarm() -> None:
    alarmed, first = carry_out(Act.ALARM, KNOWN, KNOWN, SEEN, Policy("compute-1"), NOW)
    same, again = carry_out(Act.ALARM, alarmed, KNOWN, SEEN, Policy("compute-1"), NOW)
    assert first.verdicts and not again.verdicts and same == alarmed
