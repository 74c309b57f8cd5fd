"""Monitors without a folder to write to: restarted, and nothing is told twice or lost."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(on_disk=False)
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(60.0)
    for host in world.sites:
        world.kill_monitor(host)
        await world.wait(30.0)
        world.start_monitor(host)
    await world.wait(600.0)
    world.expect(once("node05"))
