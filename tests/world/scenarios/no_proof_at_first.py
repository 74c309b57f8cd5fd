"""Neither fencing nor the BMC can say whether the host is off: masakari is told so, and the proof later."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.fencing = "fails"
    world.bmc["node05"] = None
    world.kill("node05")
    await world.until(accepted("node05", "UNKNOWN"), within=400.0)
    await world.wait(600.0)
    world.expect(once("node05", times=0))
    del world.bmc["node05"]
    await world.until(accepted("node05"), within=600.0)
    await world.wait(300.0)
    world.expect(once("node05"), once("node05", "UNKNOWN"))
