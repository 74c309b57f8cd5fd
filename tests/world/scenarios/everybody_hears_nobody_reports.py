"""No reporter for longer than a moment is an alarm, whether a host fails or not."""

from tests.world.story import story
from tests.world.world import World, alarm


@story(started=False)
async def tell(world: World) -> None:
    world.no_election()
    await world.begin()
    await world.until(alarm("reporter"), within=60.0)
