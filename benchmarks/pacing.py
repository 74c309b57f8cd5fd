"""What the pace of reports about instances gains before a real masakari-engine, and what it costs.

The engine and masakari-api have their own defaults; nova is played, and stops or starts an instance in some seconds.
Run by itself (`python -m benchmarks.pacing ...`) this module is the monitor's side: a process that has that many
instances to report, and says at its end what it took.
"""

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from benchmarks.table import Row
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    VmNotification,
    to_wire,
)
from masakarimonitors.masakari_answers import Delivered
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.pace import PacePolicy
from masakarimonitors.outbox.pace.pacing import Pacing
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.exchange import bound
from tests.fixtures.waiting import eventually
from tests.integration.cloud.engine.recovery import Recovery, recovery
from tests.integration.cloud.rig import SERVICE_PASSWORD, services
from tests.integration.cloud.template import cloud

BAD, OTHER, CALM = "bad", "other", "calm"
DOWN = 1000
"""Instances of the bad host that are down."""
KILLED = 60
TAKES = 2.0
"""Seconds that nova takes to stop an instance, and again to start it."""
# masakari's own defaults; the rig's are short.
_DEFAULTS = "notification_delay_max = 5\nperiodic_fuzzy_delay = 0\n"
ENOUGH = 1800.0


class _Counted(v3.Password):
    tokens = 0

    def get_auth_ref(self, session: Any, **options: Any) -> Any:
        """A new token."""
        _Counted.tokens += 1
        return super().get_auth_ref(session, **options)


async def _monitor(where: dict[str, str], host: str, limit: int, instances: list[str]) -> None:
    """Report them all at once and deliver, until nobody reads our standard output any more."""
    auth = _Counted(
        where["auth_url"],
        username="masakari",
        password=SERVICE_PASSWORD,
        project_name="service",
        user_domain_name="Default",
        project_domain_name="Default",
    )
    adapter = Adapter(
        bound(Session(auth=auth, timeout=60)), service_type="instance-ha", endpoint_override=where["endpoint"]
    )
    api, clock = MasakariApi(adapter), SystemClock()
    outbox = Outbox(SqliteStore(Path(where["folder"]) / "outbox.sqlite"), clock)
    await outbox.open()
    pacing = Pacing(outbox, clock, PacePolicy(limit=limit), Looks(api, clock))
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock, pacing=pacing)
    now = clock.now()
    died = ("LIFECYCLE", "STOPPED_FAILED")
    outbox.submit(
        [
            Notify(
                VmNotification(host, now.wall, event=died[0], instance_uuid=one, vir_domain_event=died[1]),
                "it died",
            )
            for one in instances
        ],
        now,
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(outbox.run()), tasks.create_task(delivery.run())]
        await asyncio.to_thread(sys.stdin.read)
        for task in running:
            task.cancel()
    took = {
        "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "tokens": _Counted.tokens,
        "faults": outbox.fault,
    }
    print(json.dumps(took), flush=True)


class Monitor:
    """The monitor's process while the block runs; afterwards, what it took."""

    def __init__(self, engine: Recovery, host: str, limit: int, instances: list[str]) -> None:
        """Starts it."""
        self._folder = tempfile.TemporaryDirectory()
        where = {
            "auth_url": engine.cloud.auth_url,
            "endpoint": engine.cloud.endpoint,
            "folder": self._folder.name,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pacing", json.dumps(where), host, str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(instances) + "\n")
        self._process.stdin.flush()
        self.took: dict[str, Any] = {}

    def end(self) -> None:
        """Tell it to end, and hear what it took."""
        said, _ = self._process.communicate(timeout=60)
        self.took = json.loads(said)
        self._folder.cleanup()


@contextlib.contextmanager
def _engine() -> Iterator[Recovery]:
    place = services()
    assert place is not None
    with (
        tempfile.TemporaryDirectory() as folder,
        cloud(place, Path(folder, "cloud")) as keystone,
        recovery(keystone, place, Path(folder, "masakari"), waits=_DEFAULTS, takes=TAKES) as engine,
    ):
        yield engine


def _at(engine: Recovery, host: str, what: str) -> list[float]:
    return [act.at for act in engine.nova.acts if (act.whose, act.what) == (host, what)]


async def _until_disabled(engine: Recovery, host: str) -> tuple[float, float]:
    """Report a host that has died: the seconds until masakari-api has answered, and until nova-compute is disabled."""
    clock, api = SystemClock(), engine.client()
    died = HostNotification(
        host,
        clock.now().wall,
        event=HostEvent.STOPPED,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=HostStatus.NORMAL,
    )
    began = clock.now().monotonic
    outcome = await api.send(json.dumps(to_wire(died)))
    assert isinstance(outcome, Delivered), outcome
    answered = clock.now().monotonic - began
    await eventually(lambda: _at(engine, host, "disable"), f"the disabled service of {host}", ENOUGH)
    api.close()
    return answered, _at(engine, host, "disable")[0] - began


async def a_host_beside_a_bad_one() -> list[Row]:
    """The nova-compute of one host is gone, and all its instances are down; another host dies."""
    with _engine() as engine:
        engine.add(BAD, instances=DOWN)
        engine.add(OTHER, instances=1)
        engine.add(CALM, instances=1)
        calm = await _until_disabled(engine, CALM)
        engine.nova.kill(BAD)
        monitor = Monitor(engine, BAD, PacePolicy().limit, engine.nova.instances(BAD))
        await eventually(lambda: len(engine.statuses(BAD)) >= 2, "the first reports", ENOUGH)
        await asyncio.sleep(60)
        answered, took = await _until_disabled(engine, OTHER)
        most = engine.most_at_once(BAD)
        monitor.end()
    memory, tokens = monitor.took["kilobytes"] / 1024, monitor.took["tokens"]
    return [
        Row(
            f"{DOWN} instances of a host without nova-compute are down: another host reported -> disabled",
            "<= 15 s",
            f"{took:.1f} s (masakari-api's answer after {answered:.1f})",
            took <= 15,
        ),
        Row(
            "  the same before anything else was reported",
            "-",
            f"{calm[1]:.1f} s (masakari-api's answer after {calm[0]:.1f})",
            True,
        ),
        Row("  reports of the bad host that stood there at once", "<= 2", str(most), most <= 2),
        Row("  the monitor that has them to report: RSS", "<= 80 MB", f"{memory:.1f} MB", memory <= 80),
        Row("  tokens", "1", str(tokens), tokens == 1),
    ]


async def killed_at_once() -> list[Row]:
    """All at once, and at our pace: when is the last of them started?"""
    took: dict[int, float] = {}
    for limit in (0, PacePolicy().limit):
        with _engine() as engine:
            host = f"killed-{limit}"
            engine.add(host, instances=KILLED)
            began = SystemClock().now().monotonic
            monitor = Monitor(engine, host, limit, engine.nova.instances(host))
            await eventually(
                lambda engine=engine, host=host: len(_at(engine, host, "os-start")) == KILLED,  # type: ignore[misc]
                "all started",
                ENOUGH,
                every=0.1,
            )
            took[limit] = _at(engine, host, "os-start")[-1] - began
            monitor.end()
    at_once, paced = took[0], took[PacePolicy().limit]
    return [
        Row(
            f"{KILLED} killed at once, nova-compute well: last os-start, at our pace against all at once",
            "<= 1.1",
            f"{paced / at_once:.2f} ({paced:.0f} s, {at_once:.0f} s)",
            paced <= 1.1 * at_once,
        )
    ]


async def bench() -> list[Row]:
    """Both, where the services are installed."""
    if services() is None:
        return [Row("pace of reports before masakari's engine", "-", "not measured: no services", True)]
    return [*await a_host_beside_a_bad_one(), *await killed_at_once()]


if __name__ == "__main__":
    asyncio.run(
        _monitor(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.loads(sys.stdin.readline()))
    )
