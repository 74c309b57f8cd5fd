"""A monitor that is cut off from everybody is told by its own agent that all others are lost."""

from tests.world.story import story
from tests.world.world import World, unreported


@story(engines=("consul",), hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.cut("node03")
    await world.wait(300.0)
    world.heal("node03")
    await world.wait(120.0)
    for host in world.hosts:
        if host != "node03":
            world.expect(unreported(host))
