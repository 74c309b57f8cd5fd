"""A process of the host dies first, so masakari flags the host; then the host dies, and is refused."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm


@story()
async def tell(world: World) -> None:
    await world.process_stopped("node05")
    await world.wait(2.0)
    world.kill("node05")
    await world.until(alarm("host:node05", "maintenance"))
    await world.wait(300.0)
    world.masakari.maintain("node05", False)
    await world.until(accepted("node05"), within=400.0)
