"""Two commands of one process never run side by side: the second waits for the end of the first, and gets it told."""

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandKey,
    CommandsRun,
    Entry,
    Run,
    Watch,
)
from masakarimonitors.processmonitor.effects import Effects, Spare, run_directly
from masakarimonitors.processmonitor.sources.stat import read_stat
from masakarimonitors.system.processes.command import Finished
from tests.fixtures.waiting import eventually
from tests.unit.processmonitor.test_effects import ProcessSource


class Slow:
    """A command that ends when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_end = asyncio.Event()

    async def __call__(
        self, run: Run, timeout: float, started: Callable[[int], None], spare: Spare
    ) -> Finished:
        self.asked.append(run.command_line)
        await self.may_end.wait()
        return Finished(
            exit_code=3 if run.command_line == "fails" else 0, output="", timed_out=False, seconds=0.1
        )


def run(line: str, request_id: int, what: CommandKey = CommandKey.RESTART, name: str = "p") -> Run:
    return Run(process_name=name, request_id=request_id, what=what, command_line=line, run_as_root=False)


@pytest.mark.parametrize(
    ("line", "what", "code"),
    [
        ("x", CommandKey.START, 0),
        ("fails", CommandKey.START, 3),
        ("x", CommandKey.PRE_START, None),
        ("x", CommandKey.POST_RESTART, None),
    ],
)
async def test_a_second_command_waits_for_the_first_and_has_its_end_where_it_is_the_same_step(
    line: str, what: CommandKey, code: int | None
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
    assert slow.asked == [line, "z"]
    assert first.result() is not None and other.result() is not None
    answer = second.result()
    assert isinstance(answer, CommandEnded)
    assert (answer.in_reply_to, answer.exit_code) == (2, code)
    assert "not started beside an earlier command" in answer.evidence
    await effects.perform(run("after", 4))
    assert slow.asked[-1] == "after"


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


async def test_which_commands_run_is_told_at_their_start_and_at_their_end() -> None:
    told: list[CommandsRun] = []
    effects = Effects(ProcessSource(), 60.0, run_directly, run_directly, tell=told.append)
    await effects.perform(run("sleep 0", 1))
    began, over = told
    ((pid, started),) = began.running
    assert began.process_name == over.process_name == "p" and pid > 0 and started > 0
    assert over.running == ()


async def test_a_command_that_cannot_be_killed_is_told_to_run_on() -> None:
    told: list[CommandsRun] = []
    with subprocess.Popen(["sleep", "600"]) as hung:  # noqa: ASYNC220 - it returns at once

        async def hangs(asked: Run, timeout: float, started: Callable[[int], None], spare: Spare) -> Finished:
            started(hung.pid)
            return Finished(exit_code=-9, output="", timed_out=True, seconds=60.0)

        try:
            await Effects(ProcessSource(), 60.0, hangs, hangs, tell=told.append).perform(run("x", 1))
            assert told[-1].running == ((hung.pid, read_stat(hung.pid).started),)
        finally:
            hung.kill()


async def test_a_command_that_the_last_life_has_left_is_waited_for() -> None:
    with subprocess.Popen(["sleep", "600"]) as left:  # noqa: ASYNC220 - it returns at once
        runner = Slow()
        runner.may_end.set()
        known = {"p": [(left.pid, read_stat(left.pid).started)]}
        effects = Effects(ProcessSource(), 600.0, runner, runner, left=known)
        try:
            async with asyncio.TaskGroup() as tasks:
                first = tasks.create_task(effects.perform(run("x", 1)))
                other = tasks.create_task(effects.perform(run("z", 2, name="another")))
                await eventually(other.done, "the one of another process")
                assert not first.done() and runner.asked == ["z"]
                left.kill()
        finally:
            left.kill()
    answer = first.result()
    assert isinstance(answer, CommandEnded) and not answer.ok and f"pid {left.pid}" in answer.evidence
    assert answer.unheard and answer.earlier  # it may have succeeded: its service has the time to appear
    await effects.perform(run("after", 3))
    assert runner.asked[-1] == "after"


async def test_one_of_the_last_life_that_runs_on_is_outlasted_by_none() -> None:
    with subprocess.Popen(["sleep", "600"]) as left:  # noqa: ASYNC220 - it returns at once
        runner = Slow()
        known = {"p": [(left.pid, read_stat(left.pid).started)]}
        effects = Effects(ProcessSource(), 0.0, runner, runner, left=known)
        try:
            for request_id in (1, 2):
                answer = await effects.perform(run("x", request_id))
                assert isinstance(answer, CommandEnded) and not answer.ok and not answer.shortage
            assert runner.asked == []
        finally:
            left.kill()


async def test_a_pid_that_is_somebody_elses_by_now_is_nobodys_command() -> None:
    with subprocess.Popen(["sleep", "600"]) as another:  # noqa: ASYNC220 - it returns at once
        runner = Slow()
        runner.may_end.set()
        known = {"p": [(another.pid, read_stat(another.pid).started + 1)]}
        try:
            answer = await Effects(ProcessSource(), 600.0, runner, runner, left=known).perform(run("x", 1))
            assert isinstance(answer, CommandEnded) and answer.ok
        finally:
            another.kill()


def after_a_kill(line: str, request_id: int) -> Run:
    return replace(run(line, request_id), left_since=7.0)


async def test_a_command_of_which_the_last_life_could_not_tell_is_looked_for_and_waited_for() -> None:
    told: list[CommandsRun] = []
    asked: list[tuple[Sequence[str], float]] = []
    runner = Slow()
    with subprocess.Popen(["sleep", "600"]) as left:  # noqa: ASYNC220 - it returns at once
        key = (left.pid, read_stat(left.pid).started)

        async def find(lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
            asked.append((lines, since))
            return [key]

        effects = Effects(ProcessSource(), 600.0, runner, runner, tell=told.append, find_left=find)
        await effects.perform(Watch((Entry(process_name="p", start_command="s", restart_command="x"),)))
        try:
            async with asyncio.TaskGroup() as tasks:
                first = tasks.create_task(effects.perform(after_a_kill("x", 1)))
                await eventually(lambda: bool(told), "it is found")
                assert not first.done() and told == [CommandsRun("p", (key,))]  # for one more life
                left.kill()
        finally:
            left.kill()
    answer = first.result()
    assert isinstance(answer, CommandEnded) and answer.unheard and f"pid {left.pid}" in answer.evidence
    assert answer.earlier
    assert asked == [(["x", "s"], 7.0)] and runner.asked == []


async def test_where_none_is_found_its_service_has_the_time_to_appear_before_another_is_started() -> None:
    runner = Slow()
    runner.may_end.set()

    async def find(lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
        return []

    effects = Effects(ProcessSource(), 60.0, runner, runner, find_left=find)
    answer = await effects.perform(after_a_kill("x", 1))
    assert isinstance(answer, CommandEnded) and answer.shortage and answer.unheard and runner.asked == []
    assert answer.earlier
    await effects.perform(run("x", 2))
    assert runner.asked == ["x"]


@pytest.mark.parametrize("fault", [TimeoutError(), OSError("too many open files"), RuntimeError("no thread")])
async def test_where_it_cannot_be_looked_for_none_is_started_and_it_is_looked_for_again(
    fault: Exception,
) -> None:
    runner = Slow()

    async def find(lines: Sequence[str], since: float) -> Sequence[tuple[int, int]]:
        raise fault

    answer = await Effects(ProcessSource(), 60.0, runner, runner, find_left=find).perform(
        after_a_kill("x", 1)
    )
    assert isinstance(answer, CommandEnded) and answer.shortage and not (answer.unheard or answer.earlier)
    assert runner.asked == []
