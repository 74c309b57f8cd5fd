"""Each phase of a process has its word on a report of the last life; tests/playbooks plays them."""

from masakarimonitors.core.unconfirmed import Say
from masakarimonitors.processmonitor.core.lifecycle import Phase
from masakarimonitors.processmonitor.core.unconfirmed import WORDS


def test_every_phase_has_a_word_and_only_one_confirms() -> None:
    assert set(WORDS) == set(Phase)
    assert [phase for phase, word in WORDS.items() if word.say is Say.CONFIRM] == [Phase.RESTING]
    assert [phase for phase, word in WORDS.items() if word.say is Say.WITHDRAW] == [Phase.RUNNING]
