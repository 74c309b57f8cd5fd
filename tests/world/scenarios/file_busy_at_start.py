"""The outbox cannot be read at the start; when it can, what waits there is of yesterday and the host is well."""

from tests.world.story import story
from tests.world.world import World, reported, unreported


@story()
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.until(reported("node05"))
    await world.wait(5.0)
    host = world.reporter
    await world.monitor(host).stop()
    world.revive("node05")
    world.monitor(host).disk_fault = "database is locked"
    world.start_monitor(host)
    await world.wait(60.0)
    world.masakari.up()
    world.monitor(host).disk_fault = ""
    disk = world.monitor(host).disk
    assert disk is not None
    disk.fault = ""
    await world.wait(900.0)
    world.expect(unreported("node05"))
