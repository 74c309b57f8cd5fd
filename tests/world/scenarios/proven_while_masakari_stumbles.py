"""masakari takes the word that a host has failed, unproven, and loses its answer; then the proof comes."""

from tests.world.story import story
from tests.world.world import World, accepted, once, reported


@story(engines=("pacemaker",))
async def tell(world: World) -> None:
    world.fencing = "fails"
    world.bmc["node05"] = None
    world.masakari.loses_answers()
    world.kill("node05")
    await world.until(reported("node05"), within=400.0)
    await world.wait(300.0)  # the place of the reporter has gone round, and stays
    del world.bmc["node05"]
    await world.wait(600.0)
    world.masakari.up()
    await world.until(accepted("node05"), within=900.0)
    await world.wait(300.0)
    world.expect(once("node05"), once("node05", "UNKNOWN"))
