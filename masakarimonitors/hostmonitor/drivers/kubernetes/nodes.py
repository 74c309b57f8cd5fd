"""The nodes of a Kubernetes cluster: lists, and a watch between them where there may be one.

Out: a whole `Sample` after each list, changes as the watch tells them, planned work (cordons), a proof that a
host is off where its Node was tainted out-of-service after its loss, and `View`: proven while consistent reads
succeed and nothing casts doubt on them (`sight.py`). The watch only makes things faster: where it is refused or
does not last, lists come more often instead, and no sight is lost for it.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NoReturn

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import (
    Membership,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    Sample,
    Sighting,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import (
    NODE_LEASES,
    REFUSALS,
    Api,
    ApiFault,
    Credentials,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.kubelet_leases import KubeletLeases, LeasePace
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames, find_own, who
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import OUT_OF_SERVICE, NodeSeen, follow, read_node
from masakarimonitors.hostmonitor.drivers.kubernetes.sight import Beats, Sight, find_doubt, find_past
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.tasks import apart

LOG = logging.getLogger(__name__)
LINK = "kubernetes"
_SSH = 22
Emit = Callable[[Observation], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """All in seconds. `resync`: a whole list at least so often. `probe`: between two proofs of the view.

    `patience`: for one answer. `good_for`: a proof lapses after three probes. `retry`: after a fault. `poll`: between
    two lists where there is no watch, more in large clusters (`poll_a_node` for each Node), never more than `resync`.
    `brief`: a watch that ends sooner is none. `try_again`: until what was refused is asked for anew.
    """

    resync: int = 60
    probe: float = 5.0
    patience: float = 3.0
    good_for: float = 15.0
    retry: float = 2.0
    poll: float = 5.0
    poll_a_node: float = 0.05
    brief: float = 5.0
    try_again: float = 300.0
    leases: LeasePace = field(default_factory=LeasePace)


class Nodes:
    """The source of what the nodes' kubelets say."""

    name = "kubernetes nodes"

    def __init__(
        self,
        credentials: Credentials,
        selector: str,
        own: OwnNames,
        *,
        clock: Clock,
        rhythm: Rhythm,
        on_sight: Callable[[bool], None] = lambda proven: None,
    ) -> None:
        """`on_sight` is told whether the view is proven, whenever that changes. Nothing is opened before `run`."""
        self._credentials = credentials
        self._selector = selector
        self._names = own
        self._clock = clock
        self._rhythm = rhythm
        self._on_sight = on_sight
        self._nodes: dict[str, NodeSeen] = {}
        # When the last complete listing was asked for.
        self._listed_at = clock.now()
        self._works: dict[str, Work] = {}
        self._endpoints: dict[str, Sequence[Endpoint]] = {}
        # Of each that has endpoints: the identity of its kernel's life, empty where its kubelet has told none.
        self._boots: dict[str, str] = {}
        # Who was lost when it was seen last: a Node that is deleted then takes no address of its host away.
        self._lost: set[str] = set()
        self._own: NodeSeen | None = None
        self._leases = KubeletLeases(clock, rhythm.leases)
        self._heartbeats = Beats()
        # Until this monotonic second a watch that was refused is not asked for.
        self._watch_after = -math.inf
        self._watched = True
        self._proven = True
        # Said while the view was in doubt, so it counts for nothing and must be said again.
        self._stale = True
        self._loss = asyncio.Event()

    def endpoints(self, host: str) -> Sequence[Endpoint]:
        """Where the host's kernel would answer: each InternalIP of its Node with the kubelet's port, and ssh.

        Of one whose Node was deleted, without what is another's by now: whoever answers there is that one. A Node of
        another name is another host only if it has booted by itself: else that host lives, under a new name.
        """
        known, boot = self._endpoints.get(host, ()), self._boots.get(host, "")
        if not known or not boot or host in self._nodes:
            return known
        others = (node for node in self._nodes.values() if node.boot_id and node.boot_id != boot)
        given_away = {address for node in others for address in node.addresses}
        return tuple(one for one in known if one.address not in given_away)

    async def run(self, emit: Emit) -> None:
        """Until cancelled: list, watch, and begin anew after each fault."""
        while True:
            try:
                await apart(self._see(emit))
            except* ApiFault as group:
                self._blind(str(_first(group)), emit)
            await self._clock.sleep(self._rhythm.retry)

    async def _see(self, emit: Emit) -> NoReturn:
        async with Api(self._credentials, self._clock) as api:
            version = await self._list(api)
            await self._find_own(api)
            self._say_all(emit)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look_at_leases(api))
                tasks.create_task(self._prove(api, emit))
                tasks.create_task(self._follow(api, version, emit))
        raise AssertionError("these tasks end by faults only")

    # What the nodes say

    async def _list(self, api: Api) -> str:
        """A complete listing is what stands from now on; returns its version."""
        found: dict[str, NodeSeen] = {}
        version, asked = "", self._clock.now()
        async with aclosing(api.list_nodes(self._selector, self._rhythm.patience * 5)) as pages:  # type: ignore[type-var]
            async for shown, items in pages:
                version = shown
                for item in items:
                    seen = self._read(item)
                    found[seen.name] = seen
        if not found:
            raise ApiFault(
                f"no node matches the selector {self._selector!r}: [kubernetes] monitoring_node_labels is wrong, "
                "or this account may not see the nodes"
            )
        kept = self._lost | found.keys()
        self._endpoints = {name: where for name, where in self._endpoints.items() if name in kept}
        self._boots = {name: boot for name, boot in self._boots.items() if name in kept}
        self._nodes, self._listed_at = found, asked
        self._hear_heartbeats(asked)
        return version

    def _hear_heartbeats(self, at: Instant) -> None:
        stamps = {name: node.heartbeat for name, node in self._nodes.items() if node.heartbeat}
        self._heartbeats = self._heartbeats.hear(stamps, at)

    def _read(self, item: Mapping[str, object]) -> NodeSeen:
        try:
            seen = read_node(item)
        except ValueError as fault:
            raise ApiFault(f"the API server sent {fault}") from fault
        seen = follow(self._nodes.get(seen.name), seen)
        (self._lost.add if seen.lost else self._lost.discard)(seen.name)
        self._boots[seen.name] = seen.boot_id
        ports = [(seen.kubelet_port, "kubelet")] if seen.kubelet_port else []
        self._endpoints[seen.name] = tuple(
            Endpoint(address, port, what)
            for address in seen.addresses
            for port, what in [*ports, (_SSH, "ssh")]
        )
        return seen

    def _say_all(self, emit: Emit) -> None:
        for node in self._nodes.values():
            self._say_work_goes_on(node, emit, again=True)
        hosts = {name: self._sighting(node) for name, node in self._nodes.items()}
        idle = {name for name, node in self._nodes.items() if node.work is Work.NONE}
        emit(Sample(LINK, hosts, self._clock.now(), whole=True, idle=idle))
        self._stale = not self._proven
        for node in self._nodes.values():
            self._say_marks(node, emit, self._listed_at)

    def _sighting(self, node: NodeSeen) -> Sighting:
        """This host is never lost in its own words: the doubt about the view says what is wrong."""
        own = self._own
        if own is not None and node.name == own.name and node.lost:
            return Sighting(Membership.UNKNOWN, f"this monitor runs there ({node.sighting.evidence})")
        return node.sighting

    def _say_work_goes_on(self, node: NodeSeen, emit: Emit, *, again: bool) -> None:
        """Before what is seen of the Node, so that no loss slips out. `again`: the core may have forgotten the host."""
        if self._is_own(node) or node.work is Work.NONE:
            return
        if again or self._works.get(node.name) is not node.work:
            self._works[node.name] = node.work
            emit(WorkSeen(node.name, node.work, "its Node is cordoned", self._clock.now(), links=(LINK,)))

    def _is_own(self, node: NodeSeen) -> bool:
        return self._own is not None and node.name == self._own.name

    def _say_marks(self, node: NodeSeen, emit: Emit, at: Instant) -> None:
        """What its taints say: so it was at this moment, or later."""
        if self._is_own(node):
            return
        # Kept of one that is deleted, too: the end of its work must be told when it is there again.
        if node.work is Work.NONE and self._works.pop(node.name, None) is not None:
            emit(WorkSeen(node.name, Work.NONE, "its Node is not cordoned", self._clock.now()))
        if node.proven_off:
            emit(
                PowerSeen(
                    host=node.name,
                    power=Power.OFF,
                    evidence=f"its Node was tainted {OUT_OF_SERVICE} after it was lost",
                    at=at,
                    kind=ProofKind.TAINT,
                )
            )

    async def _follow(self, api: Api, version: str, emit: Emit) -> NoReturn:
        """What has changed since `version`, for ever: by the watch, with a list now and then, or by lists alone."""
        while True:
            if not await self._watch(api, version, emit):
                await self._clock.sleep(self._pace_of_lists())
            version = await self._list(api)
            # Before any of it is told: what it says of a host may be proof.
            if past := find_past(self._heartbeats):
                self._blind(past, emit)
            self._say_all(emit)

    async def _watch(self, api: Api, version: str, emit: Emit) -> bool:
        """Follow the watch until a list is due, taking it up again when it is cut; False: there is none to be had."""
        due = self._clock.now().monotonic + self._rhythm.resync
        while (began := self._clock.now().monotonic) < due:
            if began < self._watch_after or not version:
                return False
            try:
                version = await self._watch_once(api, version, math.ceil(due - began), emit)
                fault = None
            except ApiFault as one:
                if one.gone:
                    LOG.info("The watch on the nodes fell behind (%s): listing them again", one)
                    return True
                fault = one
            now = self._clock.now().monotonic
            if fault is not None and fault.status in REFUSALS:
                self._watch_after = now + self._rhythm.try_again
            if now < due and now - began < self._rhythm.brief:
                self._unwatched(fault)
                return False
            if not self._watched:
                LOG.info("The nodes are watched again")
            self._watched = True
        return True

    async def _watch_once(self, api: Api, version: str, seconds: int, emit: Emit) -> str:
        """One watch until it ends: by itself, or, with what it told safe in place, by a fault that cut it short."""
        began = self._clock.now().monotonic
        try:
            async with aclosing(api.watch_nodes(self._selector, version, seconds)) as events:  # type: ignore[type-var]
                async for kind, reached, item in events:
                    version = reached or version
                    if kind in ("ADDED", "MODIFIED", "DELETED"):
                        self._changed(kind, item, emit)
        except ApiFault as fault:
            lasted = self._clock.now().monotonic - began
            if fault.gone or fault.status or lasted < self._rhythm.brief:
                raise
            LOG.debug("The watch on the nodes was cut after %.0f s (%s): taken up again", lasted, fault)
        return version

    def _unwatched(self, fault: ApiFault | None) -> None:
        why = f"is refused or cut at once ({fault})" if fault is not None else "ends at once"
        (LOG.warning if self._watched else LOG.debug)(
            "The watch on the nodes %s: they are listed every %.0f s instead", why, self._pace_of_lists()
        )
        self._watched = False

    def _pace_of_lists(self) -> float:
        paced = max(self._rhythm.poll, len(self._nodes) * self._rhythm.poll_a_node)
        return min(paced, float(self._rhythm.resync))

    def _changed(self, kind: str, item: Mapping[str, object], emit: Emit) -> None:
        seen = self._read(item)
        before = self._nodes.get(seen.name)
        if kind == "DELETED":
            self._nodes.pop(seen.name, None)
            emit(self._sample(seen.name, Sighting(Membership.LEFT, "its Node was deleted")))
            return
        self._nodes[seen.name] = seen
        if self._own is not None and seen.name == self._own.name:
            self._own = seen
        self._say_work_goes_on(seen, emit, again=before is None)
        # A node is told again for every image and heartbeat: only its condition matters here.
        if before is None or before.sighting != seen.sighting:
            emit(self._sample(seen.name, self._sighting(seen), idle=seen.work is Work.NONE))
            if seen.lost:
                self._loss.set()
        self._say_marks(seen, emit, self._clock.now())

    def _sample(self, host: str, sighting: Sighting, *, idle: bool = False) -> Sample:
        return Sample(LINK, {host: sighting}, self._clock.now(), idle={host} if idle else frozenset())

    # Whether it may be believed

    async def _find_own(self, api: Api) -> None:
        if self._names.nowhere:
            return
        try:
            self._own = await find_own(api, self._names, self._nodes.values(), self._rhythm.patience)
        except ValueError as fault:
            raise ApiFault(f"the API server sent {fault}") from fault
        if self._own is None:
            raise ApiFault(who(self._names))

    async def _prove(self, api: Api, emit: Emit) -> NoReturn:
        """Read this host's own Node from the store, at each loss at once: is the API server's word worth anything?"""
        while True:
            # What is answered was so when it was asked for, or later: this process may stand still meanwhile.
            asked = self._clock.now()
            if self._names.nowhere:
                await api.find_node(self._rhythm.patience, label=self._selector)
            else:
                assert self._own is not None
                item = await api.find_node(self._rhythm.patience, field=f"metadata.name={self._own.name}")
                if item is None:
                    raise ApiFault(f"this host's own Node {self._own.name} is not there any more")
                self._own = self._read_own(item)
                await self._leases.look_at_own(api, self._own.name)
            self._judge(emit, asked)
            await pause(self._clock, self._rhythm.probe, self._loss)

    def _read_own(self, item: Mapping[str, object]) -> NodeSeen:
        try:
            return read_node(item)
        except ValueError as fault:
            raise ApiFault(f"the API server sent {fault}") from fault

    async def _look_at_leases(self, api: Api) -> NoReturn:
        while True:
            await self._leases.look(api)
            await self._clock.sleep(self._rhythm.leases.between(len(self._nodes)))

    def _judge(self, emit: Emit, asked: Instant) -> None:
        self._hear_heartbeats(self._clock.now())
        sight = Sight(
            own=self._own,
            nowhere=self._names.nowhere,
            own_lease=self._leases.own,
            own_duration=self._leases.own_duration,
            nodes=self._nodes,
            leases=self._leases.every,
            heartbeats=self._heartbeats,
        )
        doubt = find_doubt(sight)
        if doubt:
            self._blind(doubt, emit)
            return
        if self._stale:
            self._say_all(emit)
        self._notice(True)
        good_for = self._rhythm.good_for
        emit(View(link=LINK, proven=True, why=self._how_seen(), at=asked, good_for=good_for))

    def _notice(self, proven: bool) -> None:
        if proven is not self._proven:
            self._on_sight(proven)
        self._proven = proven

    def _how_seen(self) -> str:
        how = "the API server answers"
        if not self._watched:
            how += f", and is asked for all nodes every {self._pace_of_lists():.0f} s (no watch can be had)"
        if self._leases.refused:
            how += f"; the Leases in {NODE_LEASES} may not be read, so only the nodes' heartbeats show that it is fresh"
        return how

    def _blind(self, why: str, emit: Emit) -> None:
        (LOG.warning if self._proven else LOG.debug)(
            "The Kubernetes API server gives no proven view: %s", why
        )
        self._notice(False)
        self._stale = True
        emit(View(link=LINK, proven=False, why=why, at=self._clock.now()))


def _first(group: BaseExceptionGroup[ApiFault]) -> BaseException:
    one: BaseException = group
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    return one
