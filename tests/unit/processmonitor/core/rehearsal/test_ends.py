"""A process that ends, played: what is tried, when masakari is told, and that it is not where a try helps."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.processmonitor.core.rehearsal.ends import Outcome, find, play
from masakarimonitors.processmonitor.core.stages import Policy
from tests.fixtures.process_play import FULL, NOVA

NOW = Instant(5000.0, datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC))
RULES = Policy(hostname="node1", restart_retries=1, restart_interval=5.0, start_patience=10.0)


def ends(back_after: int | None = None) -> Outcome:
    return play(RULES, (NOVA, FULL), FULL, now=NOW, back_after=back_after)


def test_one_that_nothing_brings_back_is_reported_after_all_tries() -> None:
    played = ends()
    assert played.defects == [] and played.reported is not None
    commands = [(step.at, step.why) for step in played.steps if step.what == "command"]
    assert [line for _, line in commands[:3]] == [
        "pre_restart_command: pre-restart",
        "restart_command: restart",
        "post_restart_command: post-restart",
    ]
    before = [line for at, line in commands if at < played.reported and "restart_command: restart" in line]
    assert len([line for line in before if line == "restart_command: restart"]) == RULES.tries
    (report,) = [step for step in played.steps if step.what == "reported"]
    assert report.at == played.reported and report.alarm
    assert played.recovered is None


def test_one_that_a_try_brings_back_is_not_reported() -> None:
    played = ends(back_after=2)
    assert played.reported is None
    assert played.recovered is not None and played.recovered > 10.0
    assert any("try 2 brings it back" in one for one in played.supposed)


def test_one_that_is_back_late_has_been_reported() -> None:
    played = ends(back_after=3)
    assert played.reported is not None and played.recovered is not None
    assert played.reported < played.recovered


def test_an_entry_is_found_by_its_name_or_its_end() -> None:
    assert find((FULL, NOVA), "nova-compute") is NOVA is find((FULL, NOVA), "/usr/bin/nova-compute")
    assert find((FULL, NOVA), "nova") is None
