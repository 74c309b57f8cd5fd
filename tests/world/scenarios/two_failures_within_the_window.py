"""A second, real failure within masakari's window looks like the first one: it is told all the same."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.masakari.engine = False  # nobody flags the host, so only the window stands in the way
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(60.0)
    world.revive("node05")
    await world.wait(15.0)
    world.kill("node05")
    await world.until(accepted("node05", times=2), within=600.0)
    await world.wait(600.0)
    world.expect(once("node05", times=2))
