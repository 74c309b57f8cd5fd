"""The reporter and another host die at the same moment: the successor tells both."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    host = world.reporter
    world.kill(host, "node07")
    await world.until(accepted(host))
    await world.until(accepted("node07"))
    await world.wait(600.0)
    world.expect(once(host), once("node07"))
