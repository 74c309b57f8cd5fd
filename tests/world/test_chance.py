"""Schedules of faults that chance has made; each seed is one schedule, and one that fails prints its whole story."""

import pytest

from tests.world.chance import at_rest, disturb, known, mend
from tests.world.story import Story, files, play
from tests.world.world import ENGINES, World

SEEDS = range(2)


async def tell(world: World) -> None:
    await disturb(world, world.rng.randint(6, 20))
    dead = await mend(world)
    for host in world.hosts:
        world.expect(known(host) if host in dead else at_rest(host))


def schedule(seed: int) -> Story:
    terms = {"hosts": 6 + seed % 4, "monitors": 3 + seed % 3}
    return Story(tell=tell, engines=ENGINES, terms=terms)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_everything_comes_out_right(seed: int, engine: str) -> None:
    with files() as folder:
        play(schedule(seed), engine, folder, seed)


def test_a_seed_is_one_schedule() -> None:
    told: list[list[str]] = []
    for _ in range(2):
        with files() as folder:
            told.append(play(Story(tell=a_few, engines=ENGINES), "consul", folder, 7).log)
    assert told[0] == told[1]


async def a_few(world: World) -> None:
    await disturb(world, 8)
