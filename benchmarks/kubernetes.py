"""Kubernetes: what a host monitor takes of memory, in a small cluster and in one of a thousand nodes.

A replay server on loopback stands for the API server; its Nodes are as large as real ones (10 kB: images, annotations).
The monitor is a process of its own and lists all nodes several times before it is measured.
"""

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import Row
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.kubernetes_replay import Replay
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import eventually

SIZES = (10, 1000)
BAR = 60.0
LISTS = 4
PAGE = 25


async def bench() -> list[Row]:
    """The memory of each size of cluster."""
    return [row for size in SIZES for row in await memory(size)]


def node(number: int) -> dict[str, Any]:
    """A Node as a kubelet of today posts it, with fifty images."""
    names = [
        [f"registry.example/image-{i}@sha256:{'a' * 64}", f"registry.example/image-{i}:1"] for i in range(50)
    ]
    images = [{"names": both, "sizeBytes": 1 << 27} for both in names]
    return {
        "metadata": {"name": f"compute{number:04}", "annotations": {f"a-{i}": "x" * 100 for i in range(20)}},
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "images": images,
        },
    }


async def memory(size: int) -> Sequence[Row]:
    """RSS, now and at its highest, after the nodes were listed LISTS times."""
    server = Replay([node(number) for number in range(size)])
    server.page = PAGE
    beat = itertools.count()
    server.node_leases = lambda: dict.fromkeys(
        (f"compute{n:04}" for n in range(size)), f"renewal {next(beat)}"
    )
    receiver = Receiver(":memory:", SystemClock())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with server.serve(), receiver.serve() as url:
            monitor = MonitorProcess(
                "hostmonitor",
                folder / "monitor",
                {
                    "DEFAULT": {"hostname": "compute0000"},
                    "api": {"auth_type": "none", "endpoint": url},
                    "host": {"monitoring_driver": "kubernetes", "monitoring_interval": 2},
                    "kubernetes": {"kubeconfig": server.kubeconfig(folder)},
                },
            )
            with monitor:
                whole = LISTS * -(-size // PAGE)
                await eventually(
                    lambda: server.lists >= whole, lambda: f"{server.lists} pages\n{monitor.text()}"
                )
                status = Path(f"/proc/{monitor.pid}/status").read_text()
    now, most = (int(status.partition(f"{key}:")[2].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    each = len(json.dumps(node(0))) / 1000
    figure = f"host monitor on kubernetes, {size} nodes of {each:.0f} kB: RSS"
    return [Row(figure, f"<= {BAR:g} MB", f"{now:.1f} MB, peak {most:.1f} MB", now <= BAR)]
