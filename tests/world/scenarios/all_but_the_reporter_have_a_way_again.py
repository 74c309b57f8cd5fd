"""No monitor has a way to masakari; then all have one again but the reporter: another one takes its place soon."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm, once


@story(monitors=3)
async def tell(world: World) -> None:
    for host in world.sites:
        world.block(host)
    world.kill("node05")
    await world.until(alarm("host:node05"))
    await world.wait(300.0)
    reporter = world.reporter
    for host in world.sites:
        if host != reporter:
            world.unblock(host)
    await world.until(accepted("node05"), within=120.0)
    await world.wait(300.0)
    world.expect(once("node05"))
