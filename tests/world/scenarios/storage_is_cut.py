"""A host that lost its storage network alone must be recovered."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.cut("node05", "storage")
    await world.until(accepted("node05"))
    await world.wait(300.0)
    world.expect(once("node05"))
