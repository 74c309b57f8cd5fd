"""masakari's engine is killed while it recovers a host, which nobody takes up again: it is said, and not told anew."""

from tests.world.story import story
from tests.world.world import World, accepted, once, unrecovered


@story()
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(30.0)
    world.masakari.kill_engine()
    await world.wait(60.0)
    world.masakari.start_engine()
    # It may be at work for so long.
    await world.never(unrecovered("node05"), within=900.0)
    await world.until(unrecovered("node05", "the instances of node05 are not recovered"), within=900.0)
    await world.restart_monitor(world.reporter)
    await world.until(unrecovered("node05", "was killed at its work"))
    # The engine sees to another host meanwhile.
    world.kill("node06")
    await world.until(accepted("node06"))
    await world.never(unrecovered("node06"), within=1500.0)
    world.expect(unrecovered("node05"), once("node05"), once("node06"))
