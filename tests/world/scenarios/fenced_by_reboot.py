"""A host is fenced by a reboot and comes back while masakari is away: it runs, and is not told."""

from tests.world.story import story
from tests.world.world import World, unreported


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.masakari.down()
    world.reboots = True
    world.cut("node05")
    await world.wait(30.0)
    world.heal("node05")
    await world.wait(300.0)
    world.masakari.up()
    await world.wait(900.0)
    world.expect(unreported("node05"))
