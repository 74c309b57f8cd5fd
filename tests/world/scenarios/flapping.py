"""A host is cut and connected over and over: it is told when it is lost, and never while it is there."""

from tests.world.story import story
from tests.world.world import World, accepted


@story(engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    for pause in (4.0, 8.0, 15.0, 45.0, 3.0):
        world.cut("node05")
        await world.wait(pause)
        world.heal("node05")
        await world.wait(20.0)
    world.cut("node05")
    await world.until(accepted("node05"), within=600.0)
