"""Each monitor led and could not deliver; an hour later the reporter alone is cut off, and the others are not."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(monitors=3)
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.wait(600.0)
    world.masakari.up()
    await world.until(accepted("node05"), within=400.0)
    await world.wait(3600.0)
    world.block(world.reporter)
    world.kill("node06")
    await world.until(accepted("node06"), within=600.0)
    world.expect(once("node06"))
