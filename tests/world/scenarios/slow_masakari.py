"""Masakari takes twenty seconds for each answer."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.masakari.pause = (18.0, 22.0)
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(600.0)
    world.expect(once("node05"))
