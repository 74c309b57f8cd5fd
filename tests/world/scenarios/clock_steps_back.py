"""The reporter's clock is an hour ahead and is set back between two failures: both are told."""

from tests.world.story import story
from tests.world.world import World, accepted


@story()
async def tell(world: World) -> None:
    world.masakari.engine = False
    for site in world.sites.values():
        site.clock.skew = 3600.0
    world.kill("node05")
    await world.until(accepted("node05"))
    world.revive("node05")
    await world.wait(300.0)
    for site in world.sites.values():
        site.clock.skew = 0.0
    world.kill("node05")
    await world.until(accepted("node05", times=2), within=5400.0)
