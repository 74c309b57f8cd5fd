"""An old entry of a host that was seen up since is void: it dies with the reporter, and is told."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("consul", "kubernetes"), hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.write_ledger("node07", age=7200.0)
    await world.wait(300.0)
    world.kill(world.reporter, "node07")
    await world.until(accepted("node07"))
    await world.wait(300.0)
    world.expect(once("node07"))
