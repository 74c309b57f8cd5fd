"""Two of three control nodes and masakari are gone, and a compute host dies: told when they are back."""

from tests.world.story import story
from tests.world.world import World, accepted, once, unreported


@story(engines=("consul",), hosts=8, monitors=6)
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node01", "node02")
    await world.wait(60.0)
    world.kill("node07")
    await world.wait(600.0)
    world.revive("node01", "node02")
    world.masakari.up()
    await world.until(accepted("node07"), within=600.0)
    await world.wait(300.0)
    world.expect(once("node07"), unreported("node04"), unreported("node05"))
