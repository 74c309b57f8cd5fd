"""As when every monitor was stopped meanwhile, and the ledger cannot be read either: the flag of masakari tells."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(engines=("consul", "kubernetes"))
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(400.0)
    for host in world.sites:
        await world.monitor(host).stop()
    world.break_ledger()
    world.revive("node05")
    await world.wait(300.0)
    world.masakari.maintain("node05", False)
    world.kill("node05")
    await world.wait(60.0)
    for host in world.sites:
        world.start_monitor(host)
    await world.until(accepted("node05", times=2), within=400.0)
    await world.wait(900.0)
    world.expect(once("node05", times=2))
