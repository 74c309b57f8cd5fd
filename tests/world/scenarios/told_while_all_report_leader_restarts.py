"""Told while all reported; then one leads, is restarted, and its engine is at it still: it is not told again.

Not even when the flag is taken off with the host down all the time, and no monitor has watched it since.
"""

from tests.world.story import story
from tests.world.world import World, accepted, led, once


@story()
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.no_election()
    await world.wait(60.0)
    world.kill("node05")
    await world.until(accepted("node05"))
    world.election_again()
    await world.until(led())
    await world.wait(120.0)
    world.masakari.maintain("node05")
    await world.restart_monitor(world.reporter)
    await world.until(led())
    await world.wait(300.0)
    world.masakari.maintain("node05", False)
    await world.wait(1800.0)
    world.expect(once("node05"))
