"""A host was reported, came back, was put back and failed again while every monitor was stopped: a failure anew."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(400.0)
    for host in world.sites:
        await world.monitor(host).stop()
    world.revive("node05")
    await world.wait(300.0)
    world.masakari.maintain("node05", False)
    await world.wait(300.0)
    world.kill("node05")
    await world.wait(60.0)
    for host in world.sites:
        world.start_monitor(host)
    await world.until(accepted("node05", times=2), within=400.0)
    await world.wait(900.0)
    world.expect(once("node05", times=2))
