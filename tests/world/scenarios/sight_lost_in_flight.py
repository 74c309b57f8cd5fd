"""Sight of the deciding network is lost for seconds while the report is on its way: told once."""

from tests.world.story import story
from tests.world.world import World, once, reported


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.masakari.pause = (8.0, 8.0)
    world.kill("node05")
    await world.until(reported("node05"))
    world.links[-1].lose_leader(6.0)
    await world.wait(900.0)
    world.expect(once("node05"))
