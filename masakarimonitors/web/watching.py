"""Asks the monitors of this host how they are, again and again, and keeps what each has last said.

In: how one monitor is asked (it may hang), who looks. Out: `Seen` of each. A monitor that is asked already is not asked
a second time: everybody who looks meanwhile hears that answer. One that takes long keeps nobody waiting.
"""

import asyncio
from collections.abc import Callable, Sequence

from masakarimonitors.status import unix_socket
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.threads import NoThread, Pool
from masakarimonitors.web.lives import NONE_EXPECTED, Expected, Seen, heard

SLOW = 2.0
"""Seconds after which a monitor that has not answered yet is shown as one that does not."""

BRIEF = 0.3
"""The same for one that has left its last question without an answer: the others are shown within a second all the
same, and one that goes on again answers within milliseconds."""

WATCHED, UNWATCHED = 0.7, 5.0
"""Seconds between two looks while somebody has the page open, and while nobody has: then only since when things are so
hangs on it, as whoever asks a probe or the metrics has the monitors asked anew."""

# A question for the page and one for the metrics may be under way at the same time, and each may hang.
_THREADS = 3

Ask = Callable[[str, Sequence[str]], Found]
"""Asks the monitor of that name, also for these words of `unix_socket.read`; blocks, and raises nothing that is its
fault."""

PAGE, METRICS = ("grid",), ("metrics",)
"""What is asked for beside the status: for the page, and for the metrics."""


class Watch:
    """The monitors of this host."""

    def __init__(
        self,
        names: Sequence[str],
        ask: Ask,
        clock: Clock,
        *,
        expected: Expected = NONE_EXPECTED,
        slow: float = SLOW,
        brief: float = BRIEF,
    ) -> None:
        """Nobody is asked yet; `expected`: those that are to run here, as far as that is known by now."""
        self._ask = ask
        self._clock = clock
        self._expected = expected
        self._slow, self._brief = slow, brief
        # The questions that were left without an answer when they were put last, and what was made of that.
        self._mute: dict[tuple[str, Sequence[str]], Found] = {}
        self._pools = {name: Pool(f"asking {name}", _THREADS) for name in names}
        self._asking: dict[tuple[str, Sequence[str]], tuple[float, asyncio.Task[Found]]] = {}
        now = clock.now().wall
        self._seen = {name: Seen(name=name, since=now) for name in names}
        self.eyes = 0
        """How many have the page open."""
        self.wake = asyncio.Event()
        """Set it when somebody opens the page."""

    @property
    def seen(self) -> Sequence[Seen]:
        """Each monitor as it was last heard."""
        return list(self._seen.values())

    async def run(self, on_look: Callable[[], None]) -> None:
        """Until cancelled, look; `on_look` is called after each look."""
        while True:
            await self.look()
            on_look()
            await pause(self._clock, WATCHED if self.eyes else UNWATCHED, self.wake)

    async def look(self) -> Sequence[Seen]:
        """Ask all of them how they are."""
        for name, found in (await self.hear(PAGE)).items():
            self._seen[name] = heard(self._seen[name], found, self._expected, self._clock.now().wall)
        return self.seen

    async def hear(self, more: Sequence[str]) -> dict[str, Found]:
        """Ask all of them, and give what was heard; who does not answer in time, or is known not to, does not."""
        now = self._clock.now().monotonic
        tasks = {name: self._asked(name, more) for name in self._pools}
        mute = {name: self._mute[name, more] for name in tasks if (name, more) in self._mute}
        for names, patience in ((tasks.keys() - mute.keys(), self._slow), (mute.keys(), self._brief)):
            young = [tasks[name][1] for name in names if now - tasks[name][0] < patience]
            if young:
                await asyncio.wait(young, timeout=patience)
        found = {}
        for name, (since, task) in tasks.items():
            if task.done():
                found[name] = task.result()
            elif name in mute:
                found[name] = mute[name]
            else:
                seconds = self._clock.now().monotonic - since
                found[name] = Found(name, Answer.HUNG, why=f"no answer for {seconds:.0f} s")
        return found

    def expect(self, expected: Expected) -> None:
        """It is known better now which are to run here."""
        self._expected = expected

    def close(self) -> None:
        """Nobody is asked any more."""
        for _, task in self._asking.values():
            task.cancel()
        for pool in self._pools.values():
            pool.close()

    def _asked(self, name: str, more: Sequence[str]) -> tuple[float, asyncio.Task[Found]]:
        """The question that is under way, or a new one; and since when."""
        key = name, more
        known = self._asking.get(key)
        if known is not None and not known[1].done():
            return known
        task = asyncio.get_running_loop().create_task(self._answer(name, more))
        self._asking[key] = asked = (self._clock.now().monotonic, task)
        return asked

    async def _answer(self, name: str, more: Sequence[str]) -> Found:
        found = await self._heard(name, more)
        if found.answer is Answer.HUNG:
            self._mute[name, more] = found
        else:  # in whatever time: it is waited for again
            self._mute.pop((name, more), None)
        return found

    async def _heard(self, name: str, more: Sequence[str]) -> Found:
        try:
            # Twice: to connect, and for the answer.
            return await self._pools[name].call(lambda: self._ask(name, more), 3 * unix_socket.PATIENCE)
        except (TimeoutError, NoThread) as fault:
            return Found(name, Answer.HUNG, why=str(fault) or "no answer in time")
        except Exception as fault:  # noqa: BLE001 - whatever it is, how it is is not known
            return Found(name, Answer.ODD, why=f"{type(fault).__name__}: {fault}")
