"""The reporter's disk takes nothing any more: what it sees is told from memory."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    for site in world.sites.values():
        assert site.disk is not None
        site.disk.fault = "database or disk is full"
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(300.0)
    world.expect(once("node05"))
