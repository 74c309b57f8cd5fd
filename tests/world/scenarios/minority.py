"""Two of five are parted from the rest, the reporter among them: the majority tells of the two."""

from tests.world.story import story
from tests.world.world import World, accepted, once, unreported


@story(engines=("pacemaker",), hosts=5, monitors=5)
async def tell(world: World) -> None:
    world.fencing = "works"
    world.part("node01", "node02")
    await world.until(accepted("node01"), within=300.0)
    await world.until(accepted("node02"), within=300.0)
    await world.wait(300.0)
    world.expect(once("node01"), once("node02"))
    for host in ("node03", "node04", "node05"):
        world.expect(unreported(host))
