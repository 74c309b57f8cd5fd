"""The reporter is killed while masakari has its report and has not answered yet."""

from tests.world.story import story
from tests.world.world import World, once, reported


@story()
async def tell(world: World) -> None:
    world.masakari.pause = (4.0, 4.0)
    world.masakari.engine = False
    world.kill("node05")
    await world.until(reported("node05"))
    await world.wait(1.0)
    host = world.reporter
    world.kill_monitor(host)
    await world.wait(2.0)
    world.start_monitor(host)
    await world.wait(900.0)
    world.expect(once("node05"))
