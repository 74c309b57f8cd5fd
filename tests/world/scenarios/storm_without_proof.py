"""Most hosts are gone at once and nothing can prove that they are off: held, with an alarm, for as long as they are."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm, held, unreported


@story(engines=("consul", "kubernetes"), hosts=10, monitors=5)
async def tell(world: World) -> None:
    lost = world.hosts[4:]
    world.kill(*lost)
    await world.until(alarm("storm:all hosts"))
    await world.wait(3600.0)
    for host in lost:
        world.expect(unreported(host), held(host), alarm(f"host:{host}"))
    world.revive(*lost[2:])
    for host in lost[:2]:
        await world.until(accepted(host), within=900.0)
