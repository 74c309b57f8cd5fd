"""An answer that is given again while it is fresh."""

import asyncio

import pytest

from masakarimonitors.status.kept import Kept, KeptWork, Paced
from tests.fixtures.fake_clock import FakeClock


class Making:
    """What takes so many seconds to make, and counts how often it was made."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.made = 0

    def __call__(self) -> int:
        self.clock.stand_still(self.seconds)
        self.made += 1
        return self.made


def test_however_many_ask_a_tenth_of_the_time_is_taken() -> None:
    clock = FakeClock()
    making = Making(clock, 0.02)
    answer = Kept(making, clock)
    begun = clock.now().monotonic
    for _ in range(2000):  # four who ask fifty times a second, for ten seconds
        answer()
        clock.stand_still(0.005)
    assert making.made * 0.02 <= 0.11 * (clock.now().monotonic - begun)
    assert making.made > 20, "and it is made anew all the time"


def test_who_asks_now_and_then_hears_how_it_is_now() -> None:
    clock = FakeClock()
    answer = Kept(Making(clock, 0.02), clock)
    heard = []
    for _ in range(3):
        heard.append(answer())
        clock.stand_still(1.0)
    assert heard == [1, 2, 3]


@pytest.mark.parametrize("seconds", [1.0, 3600.0])
def test_what_took_long_to_make_is_not_given_for_long(seconds: float) -> None:
    clock = FakeClock()
    answer = Kept(Making(clock, seconds), clock)
    assert answer() == 1
    clock.stand_still(4.9)
    assert answer() == 1
    clock.stand_still(0.2)
    assert answer() == 2


def test_of_what_fails_nothing_is_kept() -> None:
    clock, faults = FakeClock(), [ValueError("odd"), None]

    def make() -> str:
        clock.stand_still(1.0)
        if (fault := faults.pop(0)) is not None:
            raise fault
        return "well"

    answer = Kept(make, clock)
    with pytest.raises(ValueError, match="odd"):
        answer()
    assert answer() == "well"


async def test_who_asks_other_things_waits_so_that_a_tenth_of_the_time_is_taken() -> None:
    clock = FakeClock()
    making, paced = Making(clock, 0.01), Paced(clock)
    await paced([making, making])
    assert making.made == 2, "whoever asks alone does not wait"
    for number in range(2, 5):
        asking = asyncio.get_running_loop().create_task(paced([making, making]))
        await clock.advance(0.15)
        assert not asking.done(), "the loop is free meanwhile"
        await clock.advance(0.04)
        assert asking.done() and making.made == 2 * number
        clock.stand_still(0.02)  # for as long as they were made


async def test_one_who_asks_is_not_made_to_wait_for_long_by_what_stood_still() -> None:
    clock = FakeClock()
    making, paced = Making(clock, 3600.0), Paced(clock)
    await paced([making])
    second = asyncio.get_running_loop().create_task(paced([making]))
    await clock.advance(1.1)
    assert second.done()


async def test_of_what_fails_the_time_is_counted_and_the_next_has_its_turn() -> None:
    clock = FakeClock()
    making, paced = Making(clock, 0.02), Paced(clock)

    def fail() -> None:
        making()
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await paced([fail])
    second = asyncio.get_running_loop().create_task(paced([making]))
    await clock.advance(0.15)
    assert not second.done()
    await clock.advance(0.04)
    assert second.done()


async def test_what_is_made_beside_the_loop_is_made_once_and_forgotten() -> None:
    clock, made, faults = FakeClock(), 0, [OSError("odd")]

    async def make() -> int:
        nonlocal made
        made += 1
        await clock.sleep(0.5)
        if faults:
            raise faults.pop()
        return made

    work = KeptWork(make, clock)
    loop = asyncio.get_running_loop()
    failing = [loop.create_task(work()) for _ in range(3)]
    await clock.advance(0.6)
    assert {str(task.exception()) for task in failing} == {"odd"}, "and nothing is kept of it"
    asking = [loop.create_task(work()) for _ in range(3)]
    gone = loop.create_task(work())
    await clock.advance(0.1)
    gone.cancel()
    await clock.advance(0.5)
    assert [task.result() for task in asking] == [2, 2, 2]
    assert await work() == 2, "given again"
    await clock.advance(4.6)
    again = loop.create_task(work())
    await clock.advance(0.6)
    assert again.result() == 3
    waiting = loop.create_task(work())
    await clock.advance(4.6)
    assert waiting.result() == 3
    waiting = loop.create_task(work())
    await clock.advance(0.1)
    work.close()
    await clock.advance(0.1)
    assert waiting.cancelled(), "nobody waits for what is closed"
