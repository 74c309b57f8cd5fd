"""Two monitors tell the same failure twenty milliseconds apart, and no worker of masakari sees the other's."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5, options="[host]\nreporter = all\n")
async def tell(world: World) -> None:
    world.masakari.workers = 4
    world.masakari.pause = (0.0, 0.02)
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(600.0)
    world.expect(once("node07"))
