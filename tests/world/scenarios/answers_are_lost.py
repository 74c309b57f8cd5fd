"""Masakari takes the report and its answer never arrives: it is offered again, and that is a duplicate."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.masakari.loses_answers()
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(120.0)
    world.masakari.up()
    await world.wait(900.0)
    world.expect(once("node05"))
