"""Nobody listens at masakari's for ten minutes: the failure waits, and is told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once, unreported


@story()
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.wait(600.0)
    world.expect(unreported("node05"))
    world.masakari.up()
    await world.until(accepted("node05"), within=330.0)
    await world.wait(300.0)
    world.expect(once("node05"))
