"""After a recovery masakari refuses whatever is said of the host: that it is back is no fault and no alarm."""

from tests.world.story import story
from tests.world.world import World, accepted


@story()
async def tell(world: World) -> None:
    world.kill("node05")
    await world.until(accepted("node05"))
    await world.wait(60.0)
    world.revive("node05")
    await world.wait(120.0)
    for site in world.sites.values():
        assert site.wired is not None
        assert not [text for _, text in site.wired.status.record.faults if "refused" in text]
