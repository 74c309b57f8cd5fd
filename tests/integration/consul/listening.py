"""A source of the driver alone, inside one node's network: for addresses that only exist there.

The unix sockets reach an agent from outside the realm; `host:port`, IPv6 and TLS do not. A thread
that has entered the node's network namespace runs the source with a loop of its own.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from masakarimonitors.hostmonitor.core.observation import (
    Membership,
    Observation,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.consul.agent import Access
from masakarimonitors.hostmonitor.drivers.consul.datacentre import Datacentre, ProvenLinks
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import SystemClock
from tests.integration.consul.cluster import Cluster, node_name


class Listening:
    """What the source has said so far."""

    def __init__(self) -> None:
        self.values: dict[str, Membership] = {}
        self.works: dict[str, Work] = {}
        self.proven: bool | None = None
        self.why = ""

    def take(self, said: Observation) -> None:
        """Called on the source's thread; readers only ever see whole values."""
        if isinstance(said, Sample):
            known = {} if said.whole else self.values
            self.values = known | {host: sighting.value for host, sighting in said.hosts.items()}
        elif isinstance(said, WorkSeen):
            self.works = self.works | {said.host: said.work}
        elif isinstance(said, View):
            self.proven, self.why = said.proven, said.why


@contextmanager
def listening(cluster: Cluster, node: int, access: Access) -> Iterator[Listening]:
    """Run one datacentre's source on the node's network while the block lasts."""
    heard = Listening()
    stop: list[Callable[[], object]] = []
    started = threading.Event()

    async def listen() -> None:
        source = Datacentre("manage", access, node_name(node), SystemClock(), ProvenLinks(), Rhythm())
        loop = asyncio.get_running_loop()
        task = loop.create_task(source.run(heard.take))
        stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        started.set()
        await asyncio.gather(task, return_exceptions=True)

    def run() -> None:
        with cluster.network_of(node):
            asyncio.run(listen())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield heard
    finally:
        stop[0]()
        thread.join(20)
