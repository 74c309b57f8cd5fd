"""Nobody is elected, and the proof reaches all monitors at the same moment: they report one after another."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("pacemaker",), hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.workers = 4
    world.masakari.pause = (0.0, 0.02)
    world.no_election()
    await world.wait(60.0)
    world.fences_in = 20.0
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(300.0)
    world.expect(once("node07"))
