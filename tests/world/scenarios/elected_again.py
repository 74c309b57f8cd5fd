"""Everybody reported while nobody was elected; whoever is elected then does not tell it again."""

from tests.world.story import story
from tests.world.world import World, accepted, led, once


@story(hosts=8, monitors=5)
async def tell(world: World) -> None:
    world.masakari.engine = False
    world.no_election()
    await world.wait(60.0)
    world.kill("node07")
    await world.until(accepted("node07"))
    await world.wait(200.0)
    world.election_again()
    await world.wait(600.0)
    world.expect(once("node07"), led())
