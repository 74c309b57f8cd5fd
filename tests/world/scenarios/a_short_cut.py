"""A cut that ends before the engine notices it is nothing."""

from tests.world.story import story
from tests.world.world import World, accepted, unreported


@story()
async def tell(world: World) -> None:
    world.cut("node05")
    await world.wait(3.0)
    world.heal("node05")
    await world.never(accepted("node05"), within=120.0)
    world.expect(unreported("node05"))
