"""A host comes back without one of its agents; its next failure is told like any other."""

from tests.world.story import story
from tests.world.world import World, accepted


@story(engines=("consul",))
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(300.0)
    world.revive("node05")
    world.links[1].agent("node05", False)  # nobody has started the agent of the second network
    await world.wait(60.0)
    world.masakari.maintain("node05", False)
    await world.wait(3900.0)
    world.cut("node05", "storage")
    await world.until(accepted("node05", times=2), within=900.0)
