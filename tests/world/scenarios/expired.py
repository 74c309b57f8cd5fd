"""Masakari is away for longer than a report may wait: it is made anew, with the time and the proof of then."""

from tests.world.story import story
from tests.world.world import World, accepted


@story(options="[DEFAULT]\nnotification_expiry = 600\n")
async def tell(world: World) -> None:
    world.masakari.down()
    world.kill("node05")
    await world.wait(1500.0)
    world.masakari.up()
    await world.until(accepted("node05"), within=400.0)
    told = world.masakari.accepted[-1]
    age = (world.clock.now().wall - told.generated).total_seconds()
    assert age < 900.0, f"it was told with a generated_time of {age:.0f} s ago"
