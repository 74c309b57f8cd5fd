"""masakari took a report while its engine was away, and the host is back: it is to be put back when the engine has
seen to it, so that is no time to fall silent."""

from tests.world.story import story
from tests.world.world import World, accepted, to_be_put_back


@story()
async def tell(world: World) -> None:
    world.masakari.kill_engine()
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(30.0)
    world.revive("node05")
    await world.until(to_be_put_back("node05"), within=120.0)
    await world.wait(1800.0)
    world.expect(to_be_put_back("node05"))
    world.masakari.start_engine()
    await world.wait(900.0)
    world.expect(to_be_put_back("node05"))
    world.masakari.maintain("node05", False)
    await world.until(to_be_put_back("node05", False), within=120.0)
