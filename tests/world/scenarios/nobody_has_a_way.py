"""No monitor has a way to masakari: the failure is shown as an alarm, and told when there is one."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm, once


@story()
async def tell(world: World) -> None:
    for host in world.sites:
        world.block(host)
    world.kill("node05")
    await world.until(alarm("host:node05"))
    await world.wait(300.0)
    for host in world.sites:
        world.unblock(host)
    await world.until(accepted("node05"), within=400.0)
    await world.wait(300.0)
    world.expect(once("node05"))
