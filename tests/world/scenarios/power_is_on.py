"""A host is cut off and cannot be fenced; its BMC says that the power is on: it is not called dead."""

from tests.world.story import story
from tests.world.world import World, held, once


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.fencing = "fails"
    world.cut("node05")
    await world.wait(1800.0)
    world.expect(once("node05", times=0), held("node05"))
