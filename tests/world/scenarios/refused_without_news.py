"""Without a look at the segments nobody hears that a flag is gone: the report is offered at a slow pace."""

from tests.world.story import story
from tests.world.world import World, accepted, refused


@story(options="[host]\nsegment_lookup = false\n")
async def tell(world: World) -> None:
    world.masakari.maintain("node05")
    world.kill("node05")
    await world.until(refused("node05"))
    await world.wait(900.0)
    world.masakari.maintain("node05", False)
    await world.until(accepted("node05"), within=1800.0)
