"""The answer to the first report comes when a second outage is open: the second is told, too."""

from tests.world.story import story
from tests.world.world import World, reported


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.masakari.pause = (20.0, 20.0)
    world.cut("node05")
    await world.until(reported("node05"))
    world.heal("node05")
    await world.wait(8.0)
    world.cut("node05")
    await world.wait(14.0)
    world.masakari.down()
    await world.wait(120.0)
    world.heal("node05", "tenant", "storage")
    await world.wait(60.0)
    world.masakari.pause = (0.0, 1.0)
    world.masakari.up()
    await world.wait(600.0)
