"""Host after host is lost, a minute and a half apart: too many are down for it to be their own fault."""

from tests.world.story import story
from tests.world.world import World, alarm


@story(engines=("consul",), hosts=12, monitors=3)
async def tell(world: World) -> None:
    for host in world.hosts[3:]:
        world.cut(host)
        await world.wait(90.0)
    world.expect(alarm("storm:all hosts"))
