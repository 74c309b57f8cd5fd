"""As when its return was told; but masakari took no word of that, because it had the host on maintenance still.

Whoever has seen the end of the failure before knows it after a restart, too.
"""

from tests.world.story import story
from tests.world.world import World, accepted, once, refused


@story(options="[host]\nsegment_lookup = false\n")
async def tell(world: World) -> None:
    world.masakari.recovery = 6.0
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(10.0)
    world.revive("node05")
    await world.until(refused("node05", "STARTED"))
    for host in world.sites:
        await world.monitor(host).stop()
    world.masakari.maintain("node05", False)
    world.kill("node05")
    await world.wait(60.0)
    for host in world.sites:
        world.start_monitor(host)
    await world.until(accepted("node05", times=2), within=400.0)
    await world.wait(900.0)
    world.expect(once("node05", times=2))
