"""The store takes no writes any more while a reporter leads: it stops in time, and all report."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.workers = 4
    world.no_election()
    await world.wait(60.0)
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(600.0)
    world.expect(once("node07"))
