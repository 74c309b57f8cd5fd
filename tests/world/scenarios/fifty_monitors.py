"""Fifty hosts, each with a monitor: one dies, and is told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("consul", "pacemaker"), hosts=50, monitors=50)
async def tell(world: World) -> None:
    world.kill("node25")
    await world.until(accepted("node25"))
    await world.wait(60.0)
    world.expect(once("node25"))
