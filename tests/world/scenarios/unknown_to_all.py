"""A host that was never seen in service and is in no segment is none of masakari's."""

from tests.world.story import story
from tests.world.world import World, unreported


@story(started=False, engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    world.masakari.unregister("node05")
    world.kill("node05")
    await world.wait(120.0)
    await world.begin()
    await world.wait(900.0)
    world.expect(unreported("node05"))
