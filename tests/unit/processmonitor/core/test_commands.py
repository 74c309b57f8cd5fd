"""What stands on disk of the commands that run: read again by the next life, and by nobody after another boot."""

import json

import pytest

from masakarimonitors.core.decision import JSON, Remember
from masakarimonitors.processmonitor.core import commands
from masakarimonitors.processmonitor.core.observation import CommandsRun
from tests.fixtures.process_play import NOVA, Play

WRITTEN = '{"running": [[7, 4000], [8, 4001]], "boot": "b"}'
RUN = ((7, 4000), (8, 4001))


def test_what_runs_is_written_and_what_has_ended_is_forgotten() -> None:
    play = Play(NOVA, boot="b")
    (kept,) = play.tell(CommandsRun("p", RUN))
    assert isinstance(kept, Remember)
    assert (kept.key, json.dumps(kept.value)) == ("command:p", WRITTEN)
    assert commands.recalled(play.memory, "b") == {"p": RUN}
    play.tell(CommandsRun("p", ()))
    assert not play.memory


def test_what_ran_before_another_boot_runs_no_more() -> None:
    assert commands.recalled({"command:p": json.loads(WRITTEN)}, "another") == {}


@pytest.mark.parametrize("kept", [{}, {"running": 7}, {"running": [7, [1], ["a", 2], [1, 2, 3], None]}])
def test_what_makes_no_sense_is_passed_over(kept: dict[str, JSON]) -> None:
    found = commands.recalled({"command:p": {**kept, "boot": "b"}, "process:p": {"boot": "b"}}, "b")
    assert not any(found.values())
