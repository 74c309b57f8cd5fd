"""Random operations on real instances with deaths between: each death is to be reported once, nothing else.

In: a seed, so that a run can be made again; how many operations and instances. Out: a `Tally` of what was done,
what was to be reported and what was. Each instance has a walk of its own, so that operations on different ones
meet; libvirtd is killed now and then. What only files something is left out by the monitor (`report=actionable`).
"""

import contextlib
import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.fixtures.waiting import until
from tests.integration.virt.domain import Domain
from tests.integration.virt.instance import Instance
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import FAILED, Watch

_RUNNING = (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED)
# What a start says whose QEMU has ended: by whether libvirt notices before or while it connects to the monitor.
_ENDED_BEFORE_IT_RAN = (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_INTERNAL_ERROR)


@dataclass
class Tally:
    """What was done, and per instance how often it died and what was said of it."""

    done: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    said: dict[str, list[str]] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[str, str]:
        """The instances of which something else was said than their deaths."""
        return {
            name: f"{self.deaths[name]} deaths, reported {said}"
            for name, said in self.said.items()
            if said != [FAILED] * self.deaths[name]
        }


class Walk:
    """The operations on one instance."""

    def __init__(self, realm: Realm, name: str, seed: str, tally: Tally) -> None:
        self.realm, self.name, self._tally = realm, name, tally
        self._random = random.Random(seed)
        self.trace: list[str] = []
        self.instance: Instance = realm.instance(name)

    def begin(self) -> None:
        """It exists and is off."""
        self.realm.define(self.name, memory=64, agent="none", bare=True)

    def step(self, watch: Watch) -> None:
        """One operation that nova or an operator makes, or a death."""
        on, defined = self._stands()
        if not defined:
            moves: list[Callable[[Watch], None]] = [self._define]
        elif not on:
            moves = [self._start, self._start, self._start_paused, self._undefine]
        else:
            moves = [
                self._destroy,
                self._suspend,
                self._resume,
                self._save,
                self._reset,
                self._snapshot,
                self._rebuild,
                self._kill,
            ]
        move = self._random.choice(moves)
        self._tally.done[move.__name__.strip("_")] += 1
        self.trace.append(move.__name__.strip("_"))
        move(watch)

    def _stands(self) -> tuple[bool, bool]:
        try:
            return self._domain().state()[0] in _RUNNING, True
        except libvirt.libvirtError:
            return False, False

    def _domain(self) -> "libvirt.virDomain":  # type: ignore[name-defined]
        return self.instance.domain

    def _define(self, _watch: Watch) -> None:
        xml = Domain(self.name, memory=64, agent="none", bare=True).xml(self.realm.layout)
        self.realm.client.defineXML(xml)

    def _undefine(self, _watch: Watch) -> None:
        self._domain().undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)

    def _start(self, _watch: Watch) -> None:
        self._begin_to_run(paused=False)

    def _start_paused(self, _watch: Watch) -> None:
        self._begin_to_run(paused=True)

    def _begin_to_run(self, *, paused: bool) -> None:
        try:
            self.instance.start(paused=paused)
        except libvirt.libvirtError as fault:
            if fault.get_error_code() not in _ENDED_BEFORE_IT_RAN:
                raise
            # Which is no death: the tally says how often, and nothing may be reported.
            self._tally.done["start that failed"] += 1

    def _destroy(self, _watch: Watch) -> None:
        self._domain().destroy()

    def _suspend(self, _watch: Watch) -> None:
        self._domain().suspend()

    def _resume(self, _watch: Watch) -> None:
        with contextlib.suppress(libvirt.libvirtError):  # it runs already
            self._domain().resume()

    def _save(self, _watch: Watch) -> None:
        self._domain().managedSave(0)

    def _reset(self, _watch: Watch) -> None:
        self._domain().reset(0)

    def _snapshot(self, _watch: Watch) -> None:
        xml = self._domain().XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        self._domain().undefine()
        self.realm.client.defineXML(xml)

    def _rebuild(self, watch: Watch) -> None:
        self._destroy(watch)
        self._undefine(watch)
        self._define(watch)
        self._start(watch)

    def _kill(self, watch: Watch) -> None:
        """It dies, and is operated on again only when libvirt knows: before, it may be told anything."""
        watch.knows(self.instance)
        uuid = self.instance.uuid
        self._tally.deaths[self.name] += 1
        self.instance.kill()
        self.noticed()
        self.reported(watch, uuid)

    def noticed(self) -> None:
        """Returns when libvirtd knows of its end; the monitor may have known, and reported, before."""
        until(lambda: self.instance.state[0] == libvirt.VIR_DOMAIN_SHUTOFF, "libvirtd to notice")

    def reported(self, watch: Watch, uuid: str) -> None:
        """Returns when as many deaths were reported as there were; who starts it before that ends its outage."""
        until(
            lambda: len(watch.said(uuid)) >= self._tally.deaths[self.name],
            lambda: f"the report of {self.name} after {self.trace}: {watch.verdicts(f'vm:{uuid}')[-6:]}",
        )


def churn(
    realm: Realm,
    watch: Watch,
    *,
    seed: str,
    operations: int,
    instances: int,
    restarts: int,
    at_once: int = 4,
    so_far: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """`operations` in all on so many `instances`; libvirtd is killed `restarts` times meanwhile, and `so_far` told."""
    tally = Tally()
    walks = [Walk(realm, f"churn-{n}", f"{seed}/{n}", tally) for n in range(instances)]
    for walk in walks:
        walk.begin()
    uuids = {walk.name: walk.instance.uuid for walk in walks}
    rounds = -(-operations // (instances * (restarts + 1)))

    def go(walk: Walk) -> None:
        for _ in range(rounds):
            walk.step(watch)

    with ThreadPoolExecutor(at_once) as pool:
        for part in range(restarts + 1):
            list(pool.map(go, walks))
            tally.said = {name: watch.said(uuid) for name, uuid in uuids.items()}
            so_far(tally)
            if part < restarts:
                _die_while_libvirtd_is_away(realm, watch, walks, tally, random.Random(f"{seed}/{part}"))
    barrier = realm.paused("churn-barrier")
    watch.knows(barrier)
    barrier.kill()
    watch.reports(barrier)
    barrier.remove()
    tally.said = {name: watch.said(uuid) for name, uuid in uuids.items()}
    for walk in walks:
        walk.instance.remove()
    return tally


def _die_while_libvirtd_is_away(
    realm: Realm, watch: Watch, walks: list[Walk], tally: Tally, randomly: random.Random
) -> None:
    """Nobody has stopped what ends while libvirtd is away, either."""
    running = {walk: walk.instance.uuid for walk in walks if walk.instance.pid is not None}
    for walk in running:
        watch.knows(walk.instance)
    realm.kill_libvirtd()
    dying = randomly.sample(list(running), min(2, len(running)))
    for walk in dying:
        pid = walk.instance.pid
        assert pid
        os.kill(pid, 9)
        until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), f"{walk.name} to end")  # type: ignore[misc]
        walk.trace.append("kill while libvirtd is away")
        tally.deaths[walk.name] += 1
        tally.done["kill while libvirtd is away"] += 1
    realm.start_libvirtd()
    for walk in dying:
        walk.noticed()
        walk.reported(watch, running[walk])
