"""A report waits at a reporter that loses its way: it is handed over, and told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    host = world.reporter
    world.block(host)
    world.kill("node07")
    await world.until(accepted("node07"), within=600.0)
    world.unblock(host)
    await world.wait(600.0)
    world.expect(once("node07"))
