"""Two hosts die five minutes apart: each is told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8)
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(300.0)
    world.kill("node06")
    await world.until(accepted("node06"))
    await world.wait(300.0)
    world.expect(once("node05"), once("node06"))
