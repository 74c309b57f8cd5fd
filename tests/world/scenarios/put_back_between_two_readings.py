"""A host was put back before anybody read that masakari had it on maintenance: the alarm to do so ends all the same."""

from tests.world.story import story
from tests.world.world import World, accepted, once, to_be_put_back


@story()
async def tell(world: World) -> None:
    world.masakari.recovery = 6.0
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(7.0)
    world.masakari.maintain("node05", False)
    await world.wait(300.0)
    assert not any("on maintenance" in verdict.why for _, verdict in world.verdicts), "nobody has read it"
    world.revive("node05")
    await world.until(to_be_put_back("node05"), within=120.0)
    await world.until(to_be_put_back("node05", False), within=200.0)
    await world.wait(900.0)
    world.expect(to_be_put_back("node05", False))
    world.expect(once("node05"))
