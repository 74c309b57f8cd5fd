"""A host in maintenance goes away: planned work holds its report, with an alarm, until it is over."""

from masakarimonitors.hostmonitor.core.observation import Work
from tests.world.story import story
from tests.world.world import World, accepted, alarm, unreported


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.work("node05", Work.MAINTENANCE)
    await world.wait(30.0)
    world.kill("node05")
    await world.until(alarm("host:node05", "maintenance"), within=300.0)
    await world.wait(600.0)
    world.expect(unreported("node05"))
    world.work("node05", Work.NONE)
    await world.until(accepted("node05"), within=600.0)
