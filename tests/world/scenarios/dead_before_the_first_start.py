"""A host was dead before any monitor ran for the first time; masakari knows it."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(started=False)
async def tell(world: World) -> None:
    world.kill("node05")
    await world.wait(120.0)
    await world.begin()
    await world.until(accepted("node05"), within=400.0)
    await world.wait(300.0)
    world.expect(once("node05"))
