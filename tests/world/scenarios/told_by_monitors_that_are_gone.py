"""Told while all reported, by monitors that are gone: who leads later has watched nothing, and looks in masakari first.

Its engine is at it still, so it is not told again; neither when the flag is taken off with the host down all the time.
"""

from tests.world.story import story
from tests.world.world import World, accepted, leads, once


@story()
async def tell(world: World) -> None:
    world.masakari.engine = False
    last, *others = world.sites
    await world.monitor(last).stop()
    world.no_election()
    await world.wait(60.0)
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(300.0)
    for host in others:
        await world.monitor(host).stop()
    world.masakari.maintain("node05")
    world.election_again()
    world.start_monitor(last)
    await world.until(leads(last))
    await world.wait(300.0)
    world.masakari.maintain("node05", False)
    await world.wait(1800.0)
    world.expect(once("node05"))
