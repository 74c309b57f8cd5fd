"""The cluster cannot fence a host that is dead; its BMC says that it is off."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.fencing = "fails"
    world.kill("node05")
    await world.until(accepted("node05"), within=300.0)
    await world.wait(300.0)
    world.expect(once("node05"))
