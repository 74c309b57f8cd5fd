"""A host's failure was told, and that it is over; it fails again while every monitor is stopped: a failure anew.

Its report stands in masakari's list, and is of the failure before. Nobody reads the segments, which would say so, too.
"""

from tests.world.story import story
from tests.world.world import World, accepted, once, returned


@story(options="[host]\nsegment_lookup = false\n")
async def tell(world: World) -> None:
    world.masakari.recovery = 6.0  # it waits for nobody
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(10.0)
    world.masakari.maintain("node05", False)
    world.revive("node05")
    await world.until(returned("node05"))
    for host in world.sites:
        await world.monitor(host).stop()
    world.kill("node05")
    await world.wait(60.0)
    for host in world.sites:
        world.start_monitor(host)
    await world.until(accepted("node05", times=2), within=400.0)
    await world.wait(900.0)
    world.expect(once("node05", times=2))
