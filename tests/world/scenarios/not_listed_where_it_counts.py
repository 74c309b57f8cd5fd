"""The deciding network does not list a host: nobody protects it, and a person is told."""

from tests.world.story import story
from tests.world.world import World, alarm


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.links[-1].unlist("node05")
    await world.until(alarm("host:node05"), within=300.0)
