"""Two commands of one process never run side by side: the second waits for the end of the first, and gets it told."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from masakarimonitors.processmonitor.core.observation import CommandEnded, Run
from masakarimonitors.processmonitor.effects import Effects, Spare
from masakarimonitors.system.command import Finished
from tests.fixtures.waiting import eventually
from tests.unit.processmonitor.test_effects import ProcessSource


class Slow:
    """A command that ends when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.may_end = asyncio.Event()

    async def __call__(
        self, argv: Sequence[str], timeout: float, started: Callable[[int], None], spare: Spare
    ) -> Finished:
        self.asked.append(argv)
        await self.may_end.wait()
        return Finished(exit_code=3 if argv == ["fails"] else 0, output="", timed_out=False, seconds=0.1)


def run(line: str, request_id: int, what: str = "restart_command", name: str = "p") -> Run:
    return Run(process_name=name, request_id=request_id, what=what, command_line=line, run_as_root=False)


@pytest.mark.parametrize(
    ("line", "what", "code"),
    [
        ("x", "start_command", 0),
        ("fails", "start_command", 3),
        ("x", "pre_start_command", None),
        ("x", "post_restart_command", None),
    ],
)
async def test_a_second_command_waits_for_the_first_and_has_its_end_where_it_is_the_same_step(
    line: str, what: str, code: int | None
) -> None:
    slow = Slow()
    effects = Effects(ProcessSource(), 60.0, slow, slow)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(effects.perform(run(line, 1)))
        await eventually(lambda: bool(slow.asked), "the first")
        second = tasks.create_task(effects.perform(run("y", 2, what)))
        other = tasks.create_task(effects.perform(run("z", 3, name="another")))
        await eventually(lambda: len(slow.asked) == 2, "the one of another process")
        assert not second.done()
        slow.may_end.set()
    assert slow.asked == [[line], ["z"]]
    assert first.result() is not None and other.result() is not None
    answer = second.result()
    assert isinstance(answer, CommandEnded)
    assert (answer.in_reply_to, answer.exit_code) == (2, code)
    assert "not started beside an earlier command" in answer.evidence
    await effects.perform(run("after", 4))
    assert slow.asked[-1] == ["after"]


async def test_what_waits_for_one_that_is_cut_off_is_answered_and_the_next_one_starts() -> None:
    slow = Slow()
    effects = Effects(ProcessSource(), 60.0, slow, slow)
    loop = asyncio.get_running_loop()
    first = loop.create_task(effects.perform(run("x", 1)))
    await eventually(lambda: bool(slow.asked), "the first")
    second = loop.create_task(effects.perform(run("y", 2)))
    await asyncio.sleep(0)
    first.cancel()
    answer = await second
    assert isinstance(answer, CommandEnded) and not answer.ok
    slow.may_end.set()
    answer = await effects.perform(run("z", 3))
    assert isinstance(answer, CommandEnded) and answer.ok
