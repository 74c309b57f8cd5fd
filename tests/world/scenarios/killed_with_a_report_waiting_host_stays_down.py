"""Every monitor is killed while masakari is away; the host stays down: told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once, reported


@story()
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.until(reported("node05"))
    await world.wait(5.0)
    for host in world.sites:
        world.kill_monitor(host)
    await world.wait(60.0)
    world.masakari.up()
    for host in world.sites:
        world.start_monitor(host)
    await world.until(accepted("node05"), within=400.0)
    await world.wait(600.0)
    world.expect(once("node05"))
