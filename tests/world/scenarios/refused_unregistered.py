"""A host stands in no segment: a person is told, and once it does its failure is told anew."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm


@story()
async def tell(world: World) -> None:
    world.masakari.unregister("node05")
    await world.wait(70.0)
    world.kill("node05")
    await world.until(alarm("host:node05"))
    await world.wait(300.0)
    world.masakari.register("node05")
    await world.until(accepted("node05"), within=400.0)
