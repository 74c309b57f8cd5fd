"""The reporter sees and cannot send, and nobody follows it: whoever only looks on raises an alarm."""

from tests.world.story import story
from tests.world.world import World, alarm


@story(hosts=8, monitors=3)
async def tell(world: World) -> None:
    for host in world.sites:
        world.block(host)
    world.kill("node07")
    await world.wait(240.0)
    watcher = world.watchers[0]
    world.expect(alarm("host:node07", by=watcher))
