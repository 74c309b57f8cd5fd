"""Each stage of a process has its word on a report of the last life; tests/playbooks plays them."""

from typing import get_args

from masakarimonitors.core.unconfirmed import Say
from masakarimonitors.processmonitor.core.stages import Down, Running, Stage
from masakarimonitors.processmonitor.core.unconfirmed import WORDS


def test_every_stage_has_a_word_and_only_one_confirms() -> None:
    assert set(WORDS) == set(get_args(Stage))
    assert [stage for stage, word in WORDS.items() if word.say is Say.CONFIRM] == [Down]
    assert [stage for stage, word in WORDS.items() if word.say is Say.WITHDRAW] == [Running]
