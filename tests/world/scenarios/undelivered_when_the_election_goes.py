"""A report of the reporter waits for masakari; the reporter dies, and nobody can be elected after it."""

from tests.world.story import story
from tests.world.world import World, accepted, once, reported


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node07")
    await world.until(reported("node07"))
    await world.wait(5.0)
    world.kill(world.reporter)
    world.no_election()
    await world.wait(120.0)
    world.masakari.up()
    await world.until(accepted("node07"), within=400.0)
    await world.wait(600.0)
    world.expect(once("node07"))
