"""Each stage of a process has its word on a report of the last life; tests/playbooks plays them."""

from typing import get_args

import pytest

from masakarimonitors.core.unconfirmed import Say
from masakarimonitors.processmonitor.core.decision import State
from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.core.stages import Down, Running, Stage, Unseen, WatchedProcess
from masakarimonitors.processmonitor.core.unconfirmed import WORDS, well


def test_every_stage_has_a_word_and_only_one_confirms() -> None:
    assert set(WORDS) == set(get_args(Stage))
    assert [stage for stage, word in WORDS.items() if word.say is Say.CONFIRM] == [Down]
    assert [stage for stage, word in WORDS.items() if word.say is Say.WITHDRAW] == [Running]


@pytest.mark.parametrize(
    ("stage", "blind", "is_well"),
    [(Running(), False, True), (Running(), True, False), (Unseen(), False, False)],
)
def test_only_what_is_seen_to_run_needs_nobody(stage: Stage, blind: bool, is_well: bool) -> None:
    process = WatchedProcess(entry=Entry(process_name="/usr/bin/x"), stage=stage, blind=blind)
    state = State(processes={"/usr/bin/x": process})
    assert bool(well(state, "process:/usr/bin/x")) is is_well
    assert not well(state, "process:y")
