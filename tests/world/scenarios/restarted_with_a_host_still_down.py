"""All are restarted long after a host was reported that is still down and out of service: nothing is told again."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(1000.0)
    for host in world.sites:
        await world.restart_monitor(host)
    await world.wait(1800.0)
    world.expect(once("node05"))
