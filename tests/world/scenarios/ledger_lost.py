"""The store has lost its ledger: what was told is not told again by the reporter that knows of it."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(200.0)
    world.lose_ledger()
    await world.wait(600.0)
    world.expect(once("node05"))
