"""Every monitor is restarted while a host dies: it is told all the same."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    for host in list(world.sites):
        await world.monitor(host).stop()
    world.kill("node05")
    await world.wait(60.0)
    for host in world.sites:
        world.start_monitor(host)
    await world.until(accepted("node05"), within=400.0)
    await world.wait(300.0)
    world.expect(once("node05"))
