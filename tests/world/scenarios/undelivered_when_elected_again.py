"""Nobody is elected and masakari is away; the election comes back first, and the failure is told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.down()
    world.no_election()
    await world.wait(60.0)
    world.kill("node07")
    await world.wait(120.0)
    world.election_again()
    await world.wait(120.0)
    world.masakari.up()
    await world.until(accepted("node07"), within=400.0)
    await world.wait(600.0)
    world.expect(once("node07"))
