"""A host's agents crash and the host lives: whatever answers on TCP holds the accusation, with an alarm."""

from tests.world.story import story
from tests.world.world import World, alarm, unreported


@story(engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    world.crash_agents("node05")
    await world.until(alarm("host:node05"), within=300.0)
    await world.wait(900.0)
    world.expect(unreported("node05"))
