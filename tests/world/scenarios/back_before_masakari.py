"""A host is back before masakari is: what was to be told is taken back."""

from tests.world.story import story
from tests.world.world import World, unreported


@story()
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.wait(180.0)
    world.revive("node05")
    await world.wait(120.0)
    world.masakari.up()
    await world.wait(900.0)
    world.expect(unreported("node05"))
