"""One datacentre, watched through an agent that the test plays: what its source says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from masakarimonitors.hostmonitor.core.observation import Membership, Observation, Sample, Sighting, View
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.datacentre import Datacentre, ProvenLinks
from masakarimonitors.hostmonitor.drivers.consul.departures.farewell import Answers
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul import FakeConsul
from tests.fixtures.waiting import PATIENCE

NODES = [f"node{n:02d}" for n in range(1, 6)]
OWN = "node04"
# Fast, so that the tests are; no test waits for a time to pass, all wait for what must be seen. But patient: an answer
# that comes late on a busy computer is no loss of sight.
FAST = Rhythm(probe=0.05, alert=0.02, alert_span=1.0, patience=15.0, wait=1.0, load=15.0)
# Where the agent or a server behind it is to hang.
IMPATIENT = replace(FAST, patience=1.0)


class Heard:
    """What the source has said so far; `values` is how a reader of all of it knows each host."""

    def __init__(self) -> None:
        self.all: list[Observation] = []
        self._more = asyncio.Event()

    def emit(self, observation: Observation) -> None:
        self.all.append(observation)
        self._more.set()

    @property
    def values(self) -> dict[str, Membership]:
        known: dict[str, Membership] = {}
        for said in self.all:
            if isinstance(said, Sample):
                known = {} if said.whole else known
                known |= {host: sighting.value for host, sighting in said.hosts.items()}
        return known

    @property
    def proven(self) -> bool | None:
        """The last word on the view."""
        return next((said.proven for said in reversed(self.all) if isinstance(said, View)), None)

    @property
    def why(self) -> str:
        return next((said.why for said in reversed(self.all) if isinstance(said, View)), "")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._more.clear()
                await self._more.wait()

    def sightings(self, host: str) -> list[Sighting]:
        """All that was said of the host, in order."""
        samples = [said for said in self.all if isinstance(said, Sample)]
        return [sample.hosts[host] for sample in samples if host in sample.hosts]

    def ever(self, host: str) -> set[Membership]:
        """Every value that was ever said of the host."""
        return {sighting.value for sighting in self.sightings(host)}


async def all_answer(address: str, port: int) -> bool:
    """Every host is alive."""
    return True


async def no_agent_runs(address: str, port: int) -> bool:
    """Every agent's port is closed."""
    return False


@contextlib.asynccontextmanager
async def watching(
    consul: FakeConsul,
    rhythm: Rhythm = FAST,
    own: str = OWN,
    answers: Answers = all_answer,
    accepts: Answers = no_agent_runs,
) -> AsyncIterator[Heard]:
    heard = Heard()
    access = Access(address=parse_address(consul.address))
    links = ProvenLinks()
    source = Datacentre(
        "storage", access, own, SystemClock(), links, rhythm, answers=answers, accepts=accepts
    )
    task = asyncio.get_running_loop().create_task(source.run(heard.emit))
    try:
        yield heard
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
