"""A report waits for masakari; the host is back meanwhile, its agents are not: what answers takes it back."""

from tests.world.story import story
from tests.world.world import World, alarm, unreported


@story(engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    world.masakari.down()
    world.cut("node05")
    await world.wait(300.0)
    world.crash_agents("node05")
    world.heal("node05")
    await world.until(alarm("host:node05", "still answers"), within=90.0)
    world.masakari.up()
    await world.wait(900.0)
    world.expect(unreported("node05"))
