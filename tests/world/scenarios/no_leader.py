"""The engine has no leader for a while, and a host dies meanwhile."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    for link in world.links:
        link.lose_leader(45.0)
    await world.wait(5.0)
    world.kill("node05")
    await world.until(accepted("node05"), within=300.0)
    await world.wait(300.0)
    world.expect(once("node05"))
