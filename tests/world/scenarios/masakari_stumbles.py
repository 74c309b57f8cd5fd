"""Masakari answers 503 for five minutes."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.masakari.answers(503)
    world.kill("node05")
    await world.wait(300.0)
    world.masakari.up()
    await world.until(accepted("node05"), within=330.0)
    await world.wait(300.0)
    world.expect(once("node05"))
