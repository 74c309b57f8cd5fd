"""A fenced host waits half an hour for masakari: before it is told, its power is asked for anew."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.wait(1800.0)
    world.masakari.up()
    await world.until(accepted("node05"), within=900.0)
    await world.wait(300.0)
    world.expect(once("node05"))
