"""The reporter's clock is a quarter of an hour ahead; the next failure is its successor's to tell."""

from tests.world.story import story
from tests.world.world import World, accepted


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.monitor(world.reporter).clock.skew = 900.0
    world.kill("node07")
    await world.until(accepted("node07"))
    world.revive("node07")
    await world.wait(120.0)
    world.kill(world.reporter)
    await world.wait(60.0)
    world.kill("node07")
    await world.until(accepted("node07", times=2), within=2400.0)
