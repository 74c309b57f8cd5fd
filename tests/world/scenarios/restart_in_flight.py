"""The reporter is restarted while masakari has its report and has not answered yet."""

from tests.world.story import story
from tests.world.world import World, once, reported


@story()
async def tell(world: World) -> None:
    world.masakari.pause = (4.0, 4.0)
    world.masakari.engine = False
    world.kill("node05")
    await world.until(reported("node05"))
    await world.wait(1.0)
    await world.restart_monitor(world.reporter)
    await world.wait(900.0)
    world.expect(once("node05"))
