"""A node says good-bye, and its power goes with it: planned; that it stays away is an alarm after a while."""

from tests.world.story import story
from tests.world.world import World, alarm, unreported


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.fencing = "off"
    world.stop_agent("node05")
    await world.wait(2.0)
    world.kill("node05")
    await world.wait(3900.0)
    world.expect(unreported("node05"), alarm("host:node05"))
