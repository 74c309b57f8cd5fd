"""A list that is followed, through an agent that the test plays."""

from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from tests.fixtures.fake_consul import FakeConsul
from tests.unit.hostmonitor.drivers.consul.hearing import watching


async def test_a_blocking_query_that_hangs_is_found_by_the_probe(consul: FakeConsul) -> None:
    """Seen on a real cluster: an agent's queries hung for 35 s behind a server that was cut off, unlike its probes."""
    patient = Rhythm(probe=0.05, alert=0.02, alert_span=1.0, patience=5.0, wait=600.0, load=5.0)
    async with watching(consul, patient) as heard:
        await heard.until(lambda: bool(heard.values))
        await consul.until_asked("/health/node/", times=3)
        consul.stuck = True
        with consul.edit():
            consul.critical.add("node02")
        await heard.until(lambda: heard.values["node02"] is Membership.DOWN)
        assert heard.proven


async def test_an_index_that_goes_back_is_followed(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.restore()
        with consul.edit():
            consul.critical.add("node05")
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
