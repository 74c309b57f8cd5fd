"""A host dies, is recovered, comes back and dies once more: two failures, each told once."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story()
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(240.0)
    world.revive("node05")
    await world.wait(120.0)
    world.masakari.maintain("node05", False)  # the operator has put it back
    await world.wait(300.0)
    world.expect(once("node05"))
    world.kill("node05")
    await world.until(accepted("node05", times=2))
    await world.wait(300.0)
    world.expect(once("node05", times=2))
