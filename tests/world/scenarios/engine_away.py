"""masakari takes a report while its engine is away: people are told, until the engine is back and has seen to it."""

from tests.world.story import story
from tests.world.world import World, accepted, once, unrecovered, well_delivered


@story()
async def tell(world: World) -> None:
    world.masakari.kill_engine()
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.until(unrecovered("node05", "has not begun with"), within=500.0)
    world.masakari.start_engine()
    await world.until(well_delivered("node05"), within=1800.0)
    world.expect(once("node05"))
