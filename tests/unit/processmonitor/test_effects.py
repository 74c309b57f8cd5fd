"""The acts: what is asked of the world and how its answers are put into words."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from masakarimonitors.processmonitor.effects import Acts, run_directly
from masakarimonitors.processmonitor.observation import CommandEnded, Look, Presence, Run, Sighting, Watch
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.command import Finished


class Eyes:
    def __init__(self) -> None:
        self.watched: Sequence[str] = ()

    def watch(self, process_names: Sequence[str]) -> None:
        self.watched = process_names

    async def look(self, process_name: str, asked: int) -> Sighting:
        return Sighting(process_name, Presence.GONE, SystemClock().now(), "no process runs it", asked)


class Runner:
    """Runs nothing; records what it was to run."""

    def __init__(self, outcome: Finished | OSError) -> None:
        self.outcome = outcome
        self.asked: list[tuple[list[str], float]] = []
        self.own: set[int] = set()
        self.seen: set[int] = set()

    async def __call__(self, argv: Sequence[str], timeout: float, started: Callable[[int], None]) -> Finished:
        self.asked.append((list(argv), timeout))
        started(4711)
        self.seen = set(self.own)
        await asyncio.sleep(0)
        if isinstance(self.outcome, OSError):
            raise self.outcome
        return self.outcome


def acts(user: Runner, root: Runner | None = None, eyes: Eyes | None = None) -> Acts:
    return Acts(eyes or Eyes(), user.own, 60.0, user, root or user)


def run(line: str, run_as_root: bool = False) -> Run:
    return Run("p", 7, "restart_command", line, run_as_root)


async def test_the_list_is_handed_to_the_eyes() -> None:
    eyes = Eyes()
    assert await acts(Runner(OSError()), eyes=eyes).perform(Watch(("a", "b"))) is None
    assert eyes.watched == ("a", "b")


async def test_a_look_is_answered() -> None:
    answer = await acts(Runner(OSError())).perform(Look("p", 3))
    assert isinstance(answer, Sighting) and answer.asked == 3


async def test_r15_quotes_are_kept_together() -> None:
    runner = Runner(Finished(0, "", False, 0.1))
    await acts(runner).perform(run("""sh -c 'a "b c"' "d e" f\\ g"""))
    assert runner.asked == [(["sh", "-c", 'a "b c"', "d e", "f g"], 60.0)]


async def test_r15_stderr_with_exit_0_is_success() -> None:
    answer = await acts(Runner(Finished(0, "", False, 0.1, "careful!"))).perform(run("x"))
    assert isinstance(answer, CommandEnded) and answer.ok


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (Finished(3, "", False, 0.1, "no such unit"), 3, "exited 3 after 0.1 s: no such unit"),
        (Finished(-9, "", False, 0.1), -9, "signal 9"),
        (Finished(-9, "", True, 60.0), None, "killed with its children after 60 s"),
        (FileNotFoundError(2, "No such file or directory", "x"), None, "cannot be started"),
    ],
)
async def test_every_failure_is_named(
    outcome: Finished | OSError, code: int | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await acts(Runner(outcome)).perform(run("x"))
    assert isinstance(answer, CommandEnded)
    assert not answer.ok and answer.exit_code == code and says in answer.evidence
    assert [record.levelno for record in caplog.records][-1] == logging.WARNING


async def test_output_is_logged_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await acts(Runner(Finished(0, "x" * 100_000 + "END", False, 0.1, "warned"))).perform(run("x"))
    said = caplog.records[-1].getMessage()
    assert "END" in said and "warned" in said and len(said) < 5000


async def test_only_commands_with_run_as_root_run_as_root() -> None:
    user, root = Runner(Finished(0, "", False, 0.1)), Runner(Finished(0, "", False, 0.1))
    both = acts(user, root)
    await both.perform(run("a"))
    await both.perform(run("b", run_as_root=True))
    assert [argv for argv, _ in user.asked] == [["a"]]
    assert [argv for argv, _ in root.asked] == [["b"]]


async def test_our_own_commands_are_known_while_they_run_and_no_longer() -> None:
    runner = Runner(Finished(0, "", False, 0.1))
    await acts(runner).perform(run("x"))
    assert runner.seen == {4711}
    assert runner.own == set()


async def test_a_real_command() -> None:
    answer = await Acts(Eyes(), set(), 60.0, run_directly, run_directly).perform(run("sh -c 'exit 4'"))
    assert isinstance(answer, CommandEnded) and answer.exit_code == 4
