"""The agents of a host are stopped for an upgrade: planned, and no failure."""

from tests.world.story import story
from tests.world.world import World, unreported


@story(engines=("consul", "pacemaker"))
async def tell(world: World) -> None:
    world.stop_agent("node05")
    await world.wait(600.0)
    world.start_agent("node05")
    await world.wait(60.0)
    world.expect(unreported("node05"))
