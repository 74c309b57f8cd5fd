"""A switch restarts and takes most hosts with it for two minutes: nobody is told."""

from tests.world.story import story
from tests.world.world import World, alarm, unreported


@story(engines=("consul", "kubernetes"), hosts=10, monitors=5)
async def tell(world: World) -> None:
    lost = world.hosts[4:]
    for host in lost:
        world.cut(host)
    await world.until(alarm("storm:all hosts"))
    await world.wait(60.0)
    for host in lost:
        world.heal(host)
    await world.wait(600.0)
    for host in lost:
        world.expect(unreported(host))
