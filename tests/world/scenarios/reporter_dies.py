"""The reporter's own host dies: its successor tells that."""

from tests.world.story import story
from tests.world.world import World, accepted, led, once


@story()
async def tell(world: World) -> None:
    host = world.reporter
    world.kill(host)
    await world.until(accepted(host))
    await world.wait(600.0)
    world.expect(once(host), led())
