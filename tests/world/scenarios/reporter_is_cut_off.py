"""The reporter is cut off from everybody; the others tell of it, and it tells of nobody."""

from tests.world.story import story
from tests.world.world import World, accepted, unreported


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    host = world.reporter
    world.cut(host)
    await world.until(accepted(host))
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(300.0)
    for other in world.hosts:
        if other not in (host, "node07"):
            world.expect(unreported(other))
