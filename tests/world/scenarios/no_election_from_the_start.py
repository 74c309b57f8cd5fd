"""Nobody can be elected, ever: every monitor reports, one after another, and masakari recovers once."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.workers = 4
    world.masakari.pause = (0.0, 0.2)
    world.no_election()
    await world.until(alarm("reporter"))
    await world.wait(30.0)
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(600.0)
    world.expect(once("node07"))
