"""The monitors are asked, and one that hangs keeps nobody waiting."""

import asyncio
import threading
from collections.abc import Sequence

from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.web.lives import Expected, Life
from masakarimonitors.web.watching import METRICS, Watch
from tests.fixtures.waiting import EVERY, PATIENCE, eventually


class Asked:
    """Each monitor answers as `answers` says; one that is in `hung` only when it is let go."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.hung: dict[str, threading.Event] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def __call__(self, name: str, more: Sequence[str]) -> Found:
        self.asked.append((name, tuple(more)))
        if name in self.hung:
            self.hung[name].wait(PATIENCE)
        answer = self.answers.get(name, Answer.SAID)
        return Found(name, answer, {"monitor": name, "health": "ok", "causes": []})


async def looks(watch: Watch, *lives: Life) -> None:
    """Until they are seen so, however slow the computer is."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if [one.life for one in await watch.look()] == list(lives):
                return
            await asyncio.sleep(EVERY)  # a look that waits for nobody does not let the loop go on


async def test_each_is_asked_and_who_looks_meanwhile_hears_the_same_answer() -> None:
    asked = Asked()
    watch = Watch(["a", "b"], asked, SystemClock())
    assert [one.life for one in watch.seen] == [Life.UNASKED] * 2
    asked.hung["a"] = threading.Event()
    under_way = [asyncio.get_running_loop().create_task(watch.look()) for _ in range(3)]
    await eventually(lambda: len(asked.asked) == 2, "both are asked")
    asked.hung["a"].set()
    await asyncio.gather(*under_way)
    assert sorted(asked.asked) == [("a", ("grid",)), ("b", ("grid",))]
    assert [one.life for one in watch.seen] == [Life.RUNS] * 2
    assert set(await watch.hear(METRICS)) == {"a", "b"}
    assert asked.asked[-1][1] == ("metrics",)
    watch.close()


async def test_one_that_hangs_is_shown_so_and_the_other_is_heard() -> None:
    asked = Asked()
    watch = Watch(["a", "b"], asked, SystemClock(), slow=0.05)
    await watch.look()
    asked.hung["a"] = threading.Event()

    for _ in range(2):
        await looks(watch, Life.HUNG, Life.RUNS)
    assert [name for name, _ in asked.asked].count("a") == 2, "it is not asked again while it hangs"
    asked.hung.pop("a").set()
    await looks(watch, Life.RUNS, Life.RUNS)
    watch.close()


async def test_one_that_was_here_and_is_gone_is_missed_and_one_that_never_was_is_not() -> None:
    asked = Asked()
    asked.answers = {"b": Answer.NONE, "c": Answer.NONE}
    watch = Watch(["a", "b", "c"], asked, SystemClock(), expected=Expected(["c"]))
    await watch.look()
    asked.answers["a"] = Answer.NONE
    await watch.look()
    assert [one.life for one in watch.seen] == [Life.STOPPED, Life.ABSENT, Life.MISSING]
    watch.expect(Expected(["b"], "its folder is closed"))
    await watch.look()
    assert [one.life for one in watch.seen] == [Life.STOPPED, Life.MISSING, Life.UNKNOWN]
    watch.close()


async def test_a_fault_while_asking_is_no_health() -> None:
    def ask(name: str, more: Sequence[str]) -> Found:
        raise KeyError("a bug")

    watch = Watch(["a"], ask, SystemClock())
    await watch.look()
    assert (watch.seen[0].life, watch.seen[0].why) == (Life.ODD, "KeyError: 'a bug'")
    watch.close()


async def test_it_looks_again_and_at_once_when_somebody_opens_the_page() -> None:
    times = 0

    def looked() -> None:
        nonlocal times
        times += 1

    watch = Watch(["a"], Asked(), SystemClock())
    task = asyncio.get_running_loop().create_task(watch.run(looked))
    await eventually(lambda: times == 1, "it has looked")
    watch.wake.set()
    await eventually(lambda: times == 2, "it has looked again")
    task.cancel()
    watch.close()


async def test_one_that_left_its_last_question_unanswered_holds_up_no_look_and_is_heard_again() -> None:
    asked = Asked()
    asked.answers["a"] = Answer.HUNG
    # Nobody could wait for so long here.
    watch = Watch(["a", "b"], asked, SystemClock(), slow=PATIENCE * 10, brief=0.01)
    await watch.look()
    del asked.answers["a"]
    asked.hung["a"] = threading.Event()
    async with asyncio.timeout(PATIENCE):
        while asked.asked[-1][0] != "b" or len(asked.asked) < 4:
            await watch.look()
            await asyncio.sleep(EVERY)
    assert [one.life for one in await watch.look()] == [Life.HUNG, Life.RUNS]
    asked.hung.pop("a").set()
    await looks(watch, Life.RUNS, Life.RUNS)
    watch.close()
