"""All report, and masakari is slow to look: another monitor's turn comes before the first report can be seen."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5, options="[host]\nreporter = all\n")
async def tell(world: World) -> None:
    world.masakari.workers = 4
    world.masakari.pause = (4.0, 5.0)
    world.masakari.engine = False  # it gets to it later, and puts no host on maintenance meanwhile
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(900.0)
    world.expect(once("node07"))
