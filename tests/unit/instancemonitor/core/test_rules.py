"""By which rule a verdict was made."""

from masakarimonitors.core.decision import Decision, Ruling, Verdict
from masakarimonitors.instancemonitor.core.lifecycle import Fact, Phase
from masakarimonitors.instancemonitor.core.rules import Rule, ruled


def test_the_table_names_its_phase_and_its_fact_where_no_rule_is_named() -> None:
    verdicts = (
        Verdict("vm:1", Ruling.REPORTED, "it died"),
        Verdict("vm:1", Ruling.HELD, "it stands still", rule=Rule.STANDS_STILL),
    )
    after = ruled(Decision((), verdicts), Phase.UP, Fact.ENDED)
    assert [one.rule for one in after.verdicts] == ["up, ended", "stands still"]
