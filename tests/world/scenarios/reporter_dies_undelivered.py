"""The reporter dies with a report that masakari never got: its successor tells that, too."""

from tests.world.story import story
from tests.world.world import World, accepted, once, reported


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node07")
    await world.until(reported("node07"))
    await world.wait(5.0)
    host = world.reporter
    world.kill(host)
    await world.wait(120.0)
    world.masakari.up()
    await world.until(accepted("node07"), within=330.0)
    await world.until(accepted(host), within=330.0)
    await world.wait(300.0)
    world.expect(once("node07"), once(host))
