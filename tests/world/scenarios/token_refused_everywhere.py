"""A changed password: masakari answers everybody 401, until it is mended."""

from tests.world.story import story
from tests.world.world import World, accepted, once, reported


@story()
async def tell(world: World) -> None:
    world.masakari.answers(401)
    world.kill("node05")
    await world.until(reported("node05"))
    await world.wait(300.0)
    world.masakari.up()
    await world.until(accepted("node05"), within=400.0)
    await world.wait(300.0)
    world.expect(once("node05"))
