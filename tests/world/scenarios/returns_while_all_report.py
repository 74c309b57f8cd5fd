"""Four hosts fail and come back while all report: masakari refuses each word of a return, and that is no refused row
at any of the three monitors, nor an alarm."""

from masakarimonitors.core.notification import ReportStatus
from tests.world.story import story
from tests.world.world import World, accepted, once, to_be_put_back

LOST = ("node05", "node06", "node07", "node08")


@story(hosts=12, monitors=3, options="[host]\nreporter = all\n")
async def tell(world: World) -> None:
    world.kill(*LOST)
    for host in LOST:
        await world.until(accepted(host))
    await world.wait(120.0)
    world.revive(*LOST)
    await world.wait(120.0)
    returns = [offer for offer in world.masakari.offers if offer.event == "STARTED"]
    assert {offer.status for offer in returns} == {409}, "each is on maintenance"
    assert {offer.host for offer in returns} == set(LOST)
    for site in world.sites.values():
        assert site.disk is not None and site.wired is not None
        assert not [row for row in site.disk.recent(100) if row.status is ReportStatus.REFUSED]
        assert not [text for _, text in site.wired.status.record.faults if "refused" in text]
    world.expect(*(once(host) for host in LOST), *(to_be_put_back(host) for host in LOST))
