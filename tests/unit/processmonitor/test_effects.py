"""The effects: what is asked of the world and how its answers are put into words."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    Look,
    Presence,
    Run,
    Sighting,
    Watch,
)
from masakarimonitors.processmonitor.effects import Effects, run_directly
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.command import Finished


class ProcessSource:
    """Sees nothing; records what it is told."""

    def __init__(self) -> None:
        self.watched: Sequence[Entry] = ()
        self.own_commands: set[int] = set()

    def watch(self, entries: Sequence[Entry]) -> None:
        self.watched = entries

    async def look(self, process_name: str, request_id: int) -> Sighting:
        return Sighting(
            process_name=process_name,
            presence=Presence.GONE,
            at=SystemClock().now(),
            evidence="no process runs it",
            in_reply_to=request_id,
        )

    def command_started(self, pid: int) -> None:
        self.own_commands.add(pid)

    def command_ended(self, pid: int) -> None:
        self.own_commands.remove(pid)


class Runner:
    """Runs nothing; records what it was to run, and what `source` knew of our commands meanwhile."""

    def __init__(self, outcome: Finished | OSError, source: ProcessSource | None = None) -> None:
        self.outcome = outcome
        self.source = source or ProcessSource()
        self.asked: list[tuple[list[str], float]] = []
        self.seen: set[int] = set()

    async def __call__(self, argv: Sequence[str], timeout: float, started: Callable[[int], None]) -> Finished:
        self.asked.append((list(argv), timeout))
        started(4711)
        self.seen = set(self.source.own_commands)
        await asyncio.sleep(0)
        if isinstance(self.outcome, OSError):
            raise self.outcome
        return self.outcome


def effects(user: Runner, root: Runner | None = None) -> Effects:
    return Effects(user.source, 60.0, user, root or user)


def run(line: str, run_as_root: bool = False) -> Run:
    return Run(
        process_name="p", request_id=7, what="restart_command", command_line=line, run_as_root=run_as_root
    )


async def test_the_list_is_handed_to_the_source() -> None:
    source = ProcessSource()
    assert await effects(Runner(OSError(), source)).perform(Watch((Entry(process_name="a"),))) is None
    assert source.watched == (Entry(process_name="a"),)


async def test_a_look_is_answered() -> None:
    answer = await effects(Runner(OSError())).perform(Look("p", 3))
    assert isinstance(answer, Sighting) and answer.in_reply_to == 3


async def test_r15_quotes_are_kept_together() -> None:
    runner = Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1))
    await effects(runner).perform(run("""sh -c 'a "b c"' "d e" f\\ g"""))
    assert runner.asked == [(["sh", "-c", 'a "b c"', "d e", "f g"], 60.0)]


async def test_r15_stderr_with_exit_0_is_success() -> None:
    answer = await effects(
        Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1, errors="careful!"))
    ).perform(run("x"))
    assert isinstance(answer, CommandEnded) and answer.ok


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (
            Finished(exit_code=3, output="", timed_out=False, seconds=0.1, errors="no such unit"),
            3,
            "exited 3 after 0.1 s: no such unit",
        ),
        (Finished(exit_code=-9, output="", timed_out=False, seconds=0.1), -9, "signal 9"),
        (
            Finished(exit_code=-9, output="", timed_out=True, seconds=60.0),
            None,
            "killed with its children after 60 s",
        ),
        (FileNotFoundError(2, "No such file or directory", "x"), None, "cannot be started"),
    ],
)
async def test_every_failure_is_named(
    outcome: Finished | OSError, code: int | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await effects(Runner(outcome)).perform(run("x"))
    assert isinstance(answer, CommandEnded)
    assert not answer.ok and answer.exit_code == code and says in answer.evidence
    assert [record.levelno for record in caplog.records][-1] == logging.WARNING


async def test_output_is_logged_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await effects(
        Runner(
            Finished(exit_code=0, output="x" * 100_000 + "END", timed_out=False, seconds=0.1, errors="warned")
        )
    ).perform(run("x"))
    said = caplog.records[-1].getMessage()
    assert "END" in said and "warned" in said and len(said) < 5000


async def test_only_commands_with_run_as_root_run_as_root() -> None:
    user, root = (
        Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1)),
        Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1)),
    )
    both = effects(user, root)
    await both.perform(run("a"))
    await both.perform(run("b", run_as_root=True))
    assert [argv for argv, _ in user.asked] == [["a"]]
    assert [argv for argv, _ in root.asked] == [["b"]]


async def test_our_own_commands_are_known_while_they_run_and_no_longer() -> None:
    runner = Runner(Finished(exit_code=0, output="", timed_out=False, seconds=0.1))
    await effects(runner).perform(run("x"))
    assert runner.seen == {4711}
    assert runner.source.own_commands == set()


async def test_a_real_command() -> None:
    answer = await Effects(ProcessSource(), 60.0, run_directly, run_directly).perform(run("sh -c 'exit 4'"))
    assert isinstance(answer, CommandEnded) and answer.exit_code == 4
