"""A fenced host waits for masakari; somebody has switched it on since, and its agents do not run."""

from masakarimonitors.hostmonitor.core.observation import Power
from tests.world.story import story
from tests.world.world import World, once


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.wait(900.0)
    world.bmc["node05"] = Power.ON
    world.masakari.up()
    await world.wait(1200.0)
    world.expect(once("node05", times=0))
