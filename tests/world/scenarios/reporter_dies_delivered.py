"""What the last reporter has told is not told again by the next one."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(240.0)  # beyond masakari's own window
    host = world.reporter
    world.kill(host)
    await world.until(accepted(host))
    await world.wait(600.0)
    world.expect(once("node07"), once(host))
