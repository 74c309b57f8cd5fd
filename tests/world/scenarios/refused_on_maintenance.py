"""Masakari refuses a host that is on maintenance: a person is told, and once the flag is gone it is told anew."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm, once, unreported


@story()
async def tell(world: World) -> None:
    world.masakari.maintain("node05")
    await world.wait(70.0)
    world.kill("node05")
    await world.until(alarm("host:node05", "maintenance"))
    await world.wait(600.0)
    world.expect(unreported("node05"))
    world.masakari.maintain("node05", False)
    await world.until(accepted("node05"), within=400.0)
    await world.wait(300.0)
    world.expect(once("node05"))
