"""The links of one host go down minutes apart: one outage."""

from tests.world.story import story
from tests.world.world import World, once


@story(engines=("consul",))
async def tell(world: World) -> None:
    for link in ("manage", "storage", "tenant"):
        world.cut("node05", link)
        await world.wait(90.0)
    for link in ("tenant", "manage"):
        world.heal("node05", link)
        await world.wait(90.0)
    world.expect(once("node05"))
