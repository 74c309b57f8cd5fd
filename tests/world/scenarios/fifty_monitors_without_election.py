"""Fifty monitors of which none is elected report one after another: told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("consul",), hosts=50, monitors=50)
async def tell(world: World) -> None:
    world.masakari.workers = 4
    world.no_election()
    await world.wait(45.0)
    world.kill("node25")
    await world.until(accepted("node25"))
    await world.wait(90.0)
    world.expect(once("node25"))
