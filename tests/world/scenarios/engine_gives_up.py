"""nova refuses whatever masakari's engine wants of it, which gives up: that is said until the host is put back."""

from tests.world.story import story
from tests.world.world import World, accepted, once, unrecovered, well_delivered


@story()
async def tell(world: World) -> None:
    world.masakari.nova = False
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.until(unrecovered("node05", "tries it once more"), within=900.0)
    await world.until(unrecovered("node05", "has given up"), within=1800.0)
    world.masakari.nova = True
    await world.wait(3000.0)
    world.expect(unrecovered("node05", "the instances of node05 are not recovered"), once("node05"))
    # Somebody has seen to them, and puts the host back.
    world.revive("node05")
    await world.wait(60.0)
    world.masakari.maintain("node05", False)
    await world.until(well_delivered("node05"), within=1800.0)
    world.expect(once("node05"))
