"""The nodes of a Kubernetes cluster, by list and watch.

Out: a whole `Sample` after each list, changes as the watch tells them, a proof of death where a node
is tainted out-of-service, and `View`: our sight is proven while a short, consistent read of the nodes
succeeds. Anything else (server away, watch dropped, nothing matches the selector) is said and held.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

from masakarimonitors.hostmonitor.observation import (
    Link,
    Observation,
    Power,
    PowerSeen,
    Sample,
    Sighting,
    View,
)
from masakarimonitors.hostmonitor.sources.kubernetes_api import Account, Api, ApiFault
from masakarimonitors.hostmonitor.sources.kubernetes_reading import OUT_OF_SERVICE, NodeSeen, read_node
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)
LINK = "kubernetes"
Emit = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """All in seconds. `resync`: a whole list at least so often. `probe`: between two proofs of sight.

    `patience`: for one answer. `good_for`: a proof lapses after three probes. `retry`: after a fault.
    """

    resync: int = 60
    probe: float = 5.0
    patience: float = 3.0
    good_for: float = 15.0
    retry: float = 2.0


class Nodes:
    """The source of what the nodes' kubelets say."""

    name = "kubernetes nodes"

    def __init__(self, account: Account, selector: str, clock: Clock, rhythm: Rhythm) -> None:
        """Nothing is opened before `run`."""
        self._account = account
        self._selector = selector
        self._clock = clock
        self._rhythm = rhythm
        self._said: dict[str, Sighting] = {}
        # Tainted out-of-service and seen alive since: that taint was forgotten and vouches for nothing.
        self._outlived: set[str] = set()
        self._proven = True

    async def run(self, emit: Emit) -> None:
        """Until cancelled: list, watch, and list again whenever the watch ends."""
        while True:
            try:
                async with Api(self._account) as api:
                    while True:
                        await self._list_and_watch(api, emit)
            except* ApiFault as group:
                self._blind(str(group.exceptions[0]), emit)
            await self._clock.sleep(self._rhythm.retry)

    async def _list_and_watch(self, api: Api, emit: Emit) -> None:
        listing = await api.list_nodes(self._selector, self._rhythm.patience * 5)
        nodes = [read_node(item) for item in listing.get("items") or ()]
        if not nodes:
            raise ApiFault(
                f"no node matches the selector {self._selector!r}: [kubernetes] monitoring_node_labels is wrong, "
                "or this account may not see the nodes"
            )
        now = self._clock.now()
        self._said = {node.name: node.sighting for node in nodes}
        emit(Sample(LINK, dict(self._said), now, whole=True))
        for node in nodes:
            self._vouched(node, emit)
        self._sees("the nodes were listed", emit)
        version = str((listing.get("metadata") or {}).get("resourceVersion") or "")
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(self._probe(api, emit))
            await self._watch(api, version, emit)
            probing.cancel()

    async def _watch(self, api: Api, version: str, emit: Emit) -> None:
        try:
            async with aclosing(api.watch_nodes(self._selector, version, self._rhythm.resync)) as events:  # type: ignore[type-var]
                async for kind, item in events:
                    if kind in ("ADDED", "MODIFIED", "DELETED"):
                        self._changed(kind, item, emit)
        except ApiFault as fault:
            if not fault.gone:
                raise
            LOG.info("The watch on the nodes fell behind (%s): listing them again", fault)

    def _changed(self, kind: str, item: Mapping[str, object], emit: Emit) -> None:
        node = read_node(item)
        if kind == "DELETED":
            self._said.pop(node.name, None)
            emit(self._sample(node.name, Sighting(Link.LEFT, "its Node was deleted")))
            return
        # A node is told again for every taint, image and heartbeat: only its condition matters here.
        if self._said.get(node.name) != node.sighting:
            self._said[node.name] = node.sighting
            emit(self._sample(node.name, node.sighting))
        self._vouched(node, emit)

    def _sample(self, host: str, sighting: Sighting) -> Sample:
        return Sample(LINK, {host: sighting}, self._clock.now())

    def _vouched(self, node: NodeSeen, emit: Emit) -> None:
        if not node.out_of_service:
            self._outlived.discard(node.name)
        elif node.sighting.value is Link.UP:
            self._outlived.add(node.name)
        elif node.sighting.value is Link.DOWN and node.name not in self._outlived:
            evidence = f"its Node is tainted {OUT_OF_SERVICE}"
            emit(PowerSeen(node.name, Power.OFF, evidence, self._clock.now()))

    async def _probe(self, api: Api, emit: Emit) -> NoReturn:
        while True:
            await self._clock.sleep(self._rhythm.probe)
            await api.list_nodes(self._selector, self._rhythm.patience, limit=1)
            self._sees("the API server answers", emit)

    def _sees(self, why: str, emit: Emit) -> None:
        self._proven = True
        emit(View(LINK, True, why, self._clock.now(), self._rhythm.good_for))

    def _blind(self, why: str, emit: Emit) -> None:
        (LOG.warning if self._proven else LOG.debug)(
            "The Kubernetes API server gives no proven view: %s", why
        )
        self._proven = False
        emit(View(LINK, False, why, self._clock.now()))
