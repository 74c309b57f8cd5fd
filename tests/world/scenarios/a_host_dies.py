"""A host loses its power: the reporter tells it, once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(900.0)
    world.expect(once("node05"))
