"""A host dies in the seconds in which the reporter has just stopped and nobody may follow."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.no_election()
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(600.0)
    world.expect(once("node07"))
