"""The ledger cannot be read: that stops nobody from leading and reporting."""

from tests.world.story import story
from tests.world.world import World, accepted, led, once


@story(engines=("consul", "kubernetes"), hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.kill("node07")
    await world.until(accepted("node07"))
    world.break_ledger()
    world.kill(world.reporter)
    await world.wait(60.0)
    world.kill("node08")
    await world.until(accepted("node08"))
    await world.wait(600.0)
    world.expect(once("node07"), led())
