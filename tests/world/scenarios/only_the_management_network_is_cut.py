"""A host that nobody can reach for orders still runs what it runs."""

from tests.world.story import story
from tests.world.world import World, unreported


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.cut("node05", "manage")
    await world.wait(120.0)
    world.cut("node05", "tenant")
    await world.wait(900.0)
    world.expect(unreported("node05"))
