"""A host that is back moments after it was declared lost was not told to anybody."""

from tests.world.story import story
from tests.world.world import World, unreported


@story(engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    world.cut("node05")
    await world.wait(5.2 if world.engine == "consul" else 38.7)
    world.heal("node05")
    await world.wait(300.0)
    world.expect(unreported("node05"))
