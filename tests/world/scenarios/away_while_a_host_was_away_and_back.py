"""A host fails and comes back while two monitors do not run; the one that saw it ends: they know that it is to be put
back, though nothing of it was seen by them."""

from tests.world.story import story
from tests.world.world import World, accepted, leads, led, to_be_put_back


@story(hosts=6, monitors=3)
async def tell(world: World) -> None:
    for host in ("node02", "node03"):
        await world.sites[host].stop()
    await world.until(leads("node01"))
    world.kill("node05")
    await world.until(accepted("node05"))
    world.revive("node05")
    await world.until(to_be_put_back("node05"))
    await world.wait(60.0)
    for host in ("node02", "node03"):
        world.start_monitor(host)
    await world.wait(60.0)
    await world.sites["node01"].stop()
    await world.until(led())
    await world.until(to_be_put_back("node05"))
    await world.wait(600.0)
    world.expect(to_be_put_back("node05"))
    world.masakari.maintain("node05", on=False)
    await world.wait(120.0)
    world.expect(to_be_put_back("node05", alarms=False))
