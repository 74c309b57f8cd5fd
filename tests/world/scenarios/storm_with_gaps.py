"""While a storm lasts, sight is lost for some seconds every few minutes: it ends all the same."""

from tests.world.story import story
from tests.world.world import World, alarm, once


@story(engines=("consul",), hosts=10, monitors=3, proof=True)
async def tell(world: World) -> None:
    lost = world.hosts[4:]
    world.kill(*lost)
    await world.until(alarm("storm:all hosts"))
    for _ in range(4):
        await world.wait(280.0)
        for link in world.links:
            link.lose_leader(9.0)
    for host in lost:
        world.expect(once(host))
