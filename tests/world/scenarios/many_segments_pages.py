"""Masakari lists its hosts page by page, and takes numbers alone as markers."""

from tests.world.story import story
from tests.world.world import World, shown


@story(hosts=9)
async def tell(world: World) -> None:
    world.masakari.page = 2
    await world.wait(120.0)
    world.masakari.maintain("node09")
    await world.until(shown("host:node09", "maintenance"), within=700.0)
    assert not world.masakari.bad_markers
