"""What a source of this driver says, and a way to wait for it; the Nodes that a test makes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import LeaseElector
from masakarimonitors.hostmonitor.drivers.kubernetes.nodes import Nodes
from tests.fixtures.waiting import PATIENCE

T = TypeVar("T")


class Heard(list[Observation]):
    """What a source has said, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __call__(self, observation: Observation) -> None:
        self.append(observation)
        self._news.set()

    async def until(
        self, kind: type[T], wanted: Callable[[T], bool] = lambda item: True, after: int = 0
    ) -> T:
        async with asyncio.timeout(PATIENCE):
            while True:
                for item in self[after:]:
                    if isinstance(item, kind) and wanted(item):
                        return item
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def listening(source: Nodes | LeaseElector) -> AsyncIterator[Heard]:
    heard = Heard()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(source.run(heard))
        try:
            yield heard
        finally:
            task.cancel()


def node(name: str, status: str | None, *taints: str, **more: Any) -> dict[str, Any]:
    """A Node as the API server shows it; a taint is a key, or `key@time` with the moment at which it was put there.

    `cordoned`: spec.unschedulable. `lost_at`, `beat`: of its Ready condition. `hostname`, `boot_id`: as its kubelet
    posts them. `address`: its InternalIP, with a kubelet on port 10250.
    """
    conditions = [{"type": "MemoryPressure", "status": "False"}]
    if status is not None:
        ready = {"type": "Ready", "status": status, "reason": "why"}
        stamps = {"lastTransitionTime": more.get("lost_at"), "lastHeartbeatTime": more.get("beat")}
        conditions.append(ready | {key: value for key, value in stamps.items() if value})
    split = [taint.partition("@") for taint in taints]
    listed = [{"key": key} | ({"timeAdded": when} if when else {}) for key, _, when in split]
    hostname, address = more.get("hostname"), more.get("address")
    addresses = [{"type": "Hostname", "address": hostname}] if hostname else []
    addresses += [{"type": "InternalIP", "address": address}] if address else []
    return {
        "metadata": {"name": name, "labels": more.get("labels") or {}},
        "spec": {"taints": listed} | ({"unschedulable": True} if more.get("cordoned") else {}),
        "status": {
            "conditions": conditions,
            "addresses": addresses,
            "nodeInfo": {"bootID": more.get("boot_id") or ""},
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250 if address else 0}},
        },
    }
