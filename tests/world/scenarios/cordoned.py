"""A cordoned node goes away: planned work holds its report, with an alarm."""

from masakarimonitors.hostmonitor.core.observation import Work
from tests.world.story import story
from tests.world.world import World, alarm, unreported


@story(engines=("kubernetes",))
async def tell(world: World) -> None:
    world.work("node05", Work.CORDONED)
    await world.wait(30.0)
    world.kill("node05")
    await world.until(alarm("host:node05"), within=300.0)
    await world.wait(600.0)
    world.expect(unreported("node05"))
