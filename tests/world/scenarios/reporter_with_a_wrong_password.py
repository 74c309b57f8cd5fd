"""Masakari does not take the reporter's credentials: another monitor reports."""

from tests.world.story import story
from tests.world.world import World, accepted, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.answers(401, world.reporter)
    await world.wait(30.0)
    world.kill("node07")
    await world.until(accepted("node07"), within=600.0)
    await world.wait(300.0)
    world.expect(once("node07"))
