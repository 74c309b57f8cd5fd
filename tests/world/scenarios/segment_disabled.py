"""The host's segment is disabled: masakari takes the report and recovers nothing, which a person must know."""

from tests.world.story import story
from tests.world.world import World, alarm


@story()
async def tell(world: World) -> None:
    world.masakari.enabled = False
    await world.wait(120.0)
    world.kill("node05")
    await world.until(alarm("host:node05", "disabled"))
