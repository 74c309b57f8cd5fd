"""Every host loses its power; all but one come back, and a person hears of that one."""

from tests.world.story import story
from tests.world.world import World, alarm


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.kill(*world.hosts)
    await world.wait(120.0)
    world.revive(*(host for host in world.hosts if host != "node05"))
    for link in world.links:
        link.unlist("node05")  # no new leader has ever known it
    await world.until(alarm("host:node05"), within=900.0)
