"""What stands on disk of the commands that run, or may begin: read again by the next life, and by nobody after another
boot."""

import json
from collections.abc import Mapping

import pytest

from masakarimonitors.core.decision import JSON, Remember, Ruling
from masakarimonitors.processmonitor.core import commands
from masakarimonitors.processmonitor.core.observation import CommandEnded, CommandsRun, Look, Presence, Run
from masakarimonitors.processmonitor.core.stages import Begun
from masakarimonitors.processmonitor.monitor import describe
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


KEY = "try:/usr/bin/nova-compute"


def left(play: Play) -> Mapping[str, Begun]:
    """What a life that begins at this moment of the play knows of the next command of the one before."""
    return commands.recalled_tries(play.memory, play.policy.boot, play.now.monotonic)


def may_have_begun(play: Play) -> bool:
    return any(one.earlier for one in left(play).values())


def dies(**options: float) -> Play:
    """Nobody else has started it within the grace, and its command is asked for."""
    play = Play(NOVA, grace=1.0, patience=30.0, **options)  # type: ignore[arg-type]
    play.running()
    play.gone()
    play.stays_gone()
    play.runs("restart")
    return play


def of_the_next_life(play: Play, *, after: float = 0.0) -> Play:
    """The same disk and boot, so many seconds later: the process is gone, and a command is asked for."""
    later = Play(NOVA, grace=1.0, patience=30.0, memory=play.memory, left=left(play))
    later.seconds = play.seconds + after
    later.gone()
    later.stays_gone()
    return later


def asked(play: Play) -> Run:
    (run,) = play.asked
    assert isinstance(run, Run)
    return run


def unheard(play: Play) -> None:
    run = asked(play)
    told = CommandEnded(
        run.process_name,
        run.request_id,
        None,
        "nobody has heard",
        shortage=True,
        unheard=True,
        earlier=True,
    )
    play.tell(told)


def test_that_a_command_may_begin_is_written_while_somebody_else_may_yet_start_it() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    assert KEY not in play.memory
    began = play.now.monotonic
    play.gone()
    assert not any(isinstance(one, Run) for one in play.all_commands)
    kept = play.memory[KEY]
    assert isinstance(kept["since"], float) and began < kept["since"] < began + 1.0
    assert not may_have_begun(play)  # killed by now, none can have begun
    writes = play.writes
    play.stays_gone()
    play.runs("restart")
    assert play.writes == writes and left(play) == {NOVA.process_name: Begun(kept["since"], earlier=True)}
    assert asked(play).left_since is None


def test_a_life_that_was_killed_before_it_told_of_its_command_has_the_next_one_look_for_that() -> None:
    play = dies()
    later = of_the_next_life(play)
    assert asked(later).left_since == play.memory[KEY]["since"]
    unheard(later)
    assert later.process.outage is not None and later.process.outage.tries == 0
    (told,) = later.verdicts
    assert (told.ruling, told.alarm) == (Ruling.HELD, True)
    assert "before its last end" in told.why and "30 s to appear" in told.why
    (row,) = describe(later.state, later.policy)  # which this monitor lacks nothing for
    assert (row.held, row.alarm) == ("", False) and "nobody has heard" in row.detail
    begun = later.now.monotonic
    later.stays_gone()
    assert later.now.monotonic >= begun + 30.0
    assert asked(later).left_since is None  # and is started


def test_one_more_life_looks_for_it_too_while_none_has() -> None:
    play = dies()
    later = of_the_next_life(play)
    last = of_the_next_life(later)
    assert asked(last).left_since == play.memory[KEY]["since"]
    run = asked(last)
    last.tell(CommandEnded(run.process_name, run.request_id, None, "/proc does not answer", shortage=True))
    last.stays_gone()
    assert asked(last).left_since == play.memory[KEY]["since"]


def ends_in_order(play: Play) -> None:
    """The loop has made its last decision, and what the next life should find is kept."""
    for kept in commands.at_end(play.state.processes.values()):
        assert kept.value is None
        del play.memory[kept.key]


def test_the_end_of_a_life_takes_back_what_has_not_begun() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    play.gone()
    ends_in_order(play)
    later = of_the_next_life(play, after=0.999)
    assert asked(later).left_since is None
    for end in (1, 0):
        play = dies()
        play.ends(end)
        ends_in_order(play)
        assert (KEY in play.memory) is (end == 0)  # its service may yet appear
    play = dies(retries=0)
    play.fail_a_try()
    ends_in_order(play)
    assert play.stage == "Down" and KEY not in play.memory


def test_the_end_of_a_life_takes_back_nothing_of_what_may_have_begun() -> None:
    play = dies()
    ends_in_order(play)
    assert may_have_begun(play)
    later = Play(NOVA, grace=1.0, memory=play.memory, left=left(play))
    later.seconds = play.seconds
    later.gone()
    assert later.stage == "Grace"
    ends_in_order(later)  # nor of what the life before has left
    assert may_have_begun(later)


def test_a_command_that_has_failed_brings_nothing_and_the_next_life_waits_for_none() -> None:
    play = dies()
    play.ends(1)
    assert not may_have_begun(play)
    play.stays_gone()
    play.runs("restart")
    assert may_have_begun(play)


def test_the_service_of_a_command_that_has_succeeded_has_its_time_in_the_next_life_too() -> None:
    play = dies()
    play.ends(0)
    later = of_the_next_life(play, after=1.0)
    assert asked(later).left_since is not None


def test_one_that_runs_needs_nothing_of_that() -> None:
    play = dies()
    play.ends(0)
    play.answer(Presence.RUNNING)
    assert KEY not in play.memory
    play = dies()
    later = Play(NOVA, memory=play.memory, left=left(play))
    later.running()
    assert KEY not in later.memory
    later.gone()
    assert asked(later).left_since is None


def test_between_slow_tries_none_has_begun() -> None:
    play = dies(retries=0)
    play.fail_a_try()
    assert play.stage == "Down" and not may_have_begun(play)
    play.to_next_alarm()
    assert isinstance(play.asked[0], Look)
    play.answer(Presence.GONE)
    play.runs("restart")
    assert may_have_begun(play)


def test_what_is_taken_off_the_list_is_forgotten_by_whichever_life() -> None:
    play = dies()
    later = Play(NOVA, memory=play.memory, left=left(play))
    play.list_is()
    assert KEY not in play.memory
    later.list_is()
    assert KEY not in later.memory
    last = Play(memory={KEY: {}}, left={NOVA.process_name: Begun(1.0)})
    assert KEY not in last.memory


@pytest.mark.parametrize("kept", [{}, {"since": "7"}, {"since": True}, {"since": 7.0, "boot": "another"}])
def test_a_note_that_makes_no_sense_or_is_of_another_boot_is_passed_over(kept: dict[str, JSON]) -> None:
    memory: dict[str, dict[str, JSON]] = {
        KEY: {"boot": "b", **kept},
        "process:p": {"since": 7.0, "boot": "b"},
    }
    assert commands.recalled_tries(memory, "b", 100.0) == {}


def test_a_note_of_what_had_not_begun_does_not_outlive_the_life_that_reads_it() -> None:
    play = Play(NOVA, grace=1.0)
    play.running()
    play.gone()
    later = Play(NOVA, memory=play.memory, left=left(play))
    later.running()
    assert KEY not in later.memory
