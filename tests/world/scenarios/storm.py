"""Most hosts die at once: held, with an alarm; when nothing changes any more, those that are proven off are told."""

from tests.world.story import story
from tests.world.world import World, accepted, alarm, once, unreported


@story(engines=("consul", "kubernetes"), hosts=10, monitors=5, proof=True)
async def tell(world: World) -> None:
    lost = world.hosts[4:]
    world.kill(*lost)
    await world.until(alarm("storm:all hosts"))
    for host in lost:
        world.expect(unreported(host))
    for host in lost:
        await world.until(accepted(host), within=900.0)
    await world.wait(120.0)
    for host in lost:
        world.expect(once(host))
