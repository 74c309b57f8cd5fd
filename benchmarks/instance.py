"""The instance monitor as an operator runs it: kill -9 to acceptance, storms, memory, a quick end."""

import asyncio
import contextlib
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.installed import installed
from benchmarks.table import Row, quantile
from masakarimonitors.libvirt import binding
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_keystone import FakeKeystone
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import NotInTime, eventually
from tests.integration.virt.ready import why_not
from tests.integration.virt.realm import Realm, opened
from tests.integration.virt.watching import sections_for

KILLS = 21
STORM = 1000
LIBVIRT_LOOKS_LATE = 0.15
"""Seconds from which on libvirt's event counts as late: it looks again 200 ms after it has met a zombie."""
SLOW_ANSWER = 3.0
"""Seconds that the slow API takes for each answer."""
OUTAGE = 60.0
"""Seconds for which the failing API answers 503."""
ENOUGH = 900.0


@dataclass
class Cloud:
    """A keystone and a receiver; `accepted` holds when each report was accepted."""

    receiver: Receiver
    keystone: FakeKeystone
    accepted: dict[str, float] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def cloud(**options: Any) -> AsyncIterator[Cloud]:
    """A keystone and a receiver with `options`."""
    receiver = Receiver(":memory:", SystemClock(), window=0, finishes=True, **options)
    with FakeKeystone() as keystone:
        made = Cloud(receiver, keystone)

        def on_accepted(accepted: Any) -> None:
            made.accepted.setdefault(accepted.payload["instance_uuid"], time.monotonic())

        async with receiver.serve() as endpoint:
            keystone.show_masakari(f"{endpoint}/v1")
            with receiver.subscribed(on_accepted):
                yield made


@contextlib.asynccontextmanager
async def daemon(
    realm: Realm, far: Cloud, uri: str | None = None, *, paced: bool = True, **options: Any
) -> AsyncIterator[MonitorProcess]:
    """masakari-instancemonitor, watching; not `paced`, its reports leave at once however many stand unfinished."""
    with tempfile.TemporaryDirectory() as folder:
        credentials = {
            "auth_type": "password",
            "auth_url": f"{far.keystone.url}/v3",
            "username": "masakari",
            "password": "secret",
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        more: dict[str, dict[str, Any]] = {
            "api": credentials,
            "callback": {} if paced else {"max_unfinished": 0},
        }
        sections = sections_for(realm, uri, more, **options)
        with MonitorProcess("instancemonitor", Path(folder), sections, env=installed()) as monitor:
            await eventually(lambda: monitor.said("the instances of"), "it watches")
            await asyncio.sleep(3)
            yield monitor


def status(pid: int, field_name: str) -> int:
    """A number of /proc/PID/status: "Threads", or "VmRSS" in kB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{field_name}:")[1].split()[0])


class Peak:
    """The most threads and memory that a process was seen to have."""

    def __init__(self, pid: int) -> None:
        self.pid, self.threads, self.kilobytes = pid, 0, 0

    async def watch(self) -> None:
        """Look every 20 ms, until cancelled."""
        while True:
            self.threads = max(self.threads, status(self.pid, "Threads"))
            self.kilobytes = max(self.kilobytes, status(self.pid, "VmRSS"))
            await asyncio.sleep(0.02)


async def kills(realm: Realm, *, eye: bool) -> list[Row]:
    """kill -9 of one QEMU after another, each paused and otherwise idle."""
    heard: dict[str, float] = {}
    libvirt = binding.load().main

    def on_event(_c: Any, domain: Any, event: int, _detail: int, _opaque: Any) -> None:
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            heard.setdefault(domain.UUIDString(), time.monotonic())

    second = realm.connect(realm.uri_ro)
    second.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_event, None)
    took, event, behind = [], [], []
    # One death after another on one host looks like a host that dies: what waits for a word about it is not measured.
    async with cloud() as far, daemon(realm, far, paced=False, watch_processes=eye):
        # The first report also fetches the token.
        for number in range(KILLS + 1):
            instance = await asyncio.to_thread(realm.paused, f"kill-{eye:d}-{number}")
            uuid, pid = instance.uuid, instance.pid
            assert pid
            await asyncio.sleep(1.3)
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda uuid=uuid: uuid in far.accepted, "the report", every=0.0005)  # type: ignore[misc]
            if number:
                took.append(far.accepted[uuid] - began)
                event.append(heard[uuid] - began)
                behind.append(far.accepted[uuid] - heard[uuid])
            await asyncio.to_thread(instance.remove)
    second.close()
    slow = [total for total, told in zip(took, event, strict=True) if told >= LIBVIRT_LOOKS_LATE]
    bar, how = (0.025, "pidfd eye") if eye else (0.020, "libvirt's events")
    median = statistics.median(took)
    rows = [
        Row(
            f"kill -9 of qemu -> accepted, {how}: median of {KILLS}",
            f"<= {bar * 1000:.0f} ms",
            f"{median * 1000:.1f} ms (max {max(took) * 1000:.0f})",
            median <= bar,
        ),
        Row(
            f"  of which libvirt itself took (its event, heard by a second client), {how}",
            "-",
            f"{statistics.median(event) * 1000:.1f} ms (max {max(event) * 1000:.0f})",
            True,
        ),
        Row(
            f"  libvirt's event -> accepted, {how}: p95 (median)",
            "<= 10 ms",
            f"{quantile(behind, 0.95) * 1000:.1f} ms ({statistics.median(behind) * 1000:.1f})",
            quantile(behind, 0.95) <= 0.010,
        ),
    ]
    if eye:
        late = (
            f"{statistics.median(slow) * 1000:.1f} ms ({len(slow)} of {KILLS})"
            if slow
            else "libvirt never was"
        )
        rows.append(
            Row(
                "  kill -9 of qemu -> accepted where libvirt takes 200 ms: median",
                "<= 25 ms",
                late,
                not slow or statistics.median(slow) <= 0.025,
            )
        )
    return rows


async def storm_of_processes(realm: Realm) -> list[Row]:
    """Sixty real QEMUs at once; before that, what an idle monitor of sixty instances takes; then its end."""
    instances = [await asyncio.to_thread(realm.paused, f"storm-{number}") for number in range(60)]
    uuids, pids = [one.uuid for one in instances], [one.pid for one in instances]
    async with cloud() as far, daemon(realm, far) as process:
        await asyncio.sleep(5)
        idle = status(process.pid, "VmRSS") / 1024
        own = status(process.pid, "RssAnon") / 1024
        began = time.monotonic()
        for pid in pids:
            assert pid
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(NotInTime):  # what does not arrive shows in the figures
            await eventually(lambda: all(uuid in far.accepted for uuid in uuids), "all reports")
        took = max(far.accepted.values(), default=began) - began
        reports = len(await far.receiver.notifications())
        hung = realm.libvirtd_pid
        assert hung
        os.kill(hung, signal.SIGSTOP)
        try:
            began = time.monotonic()
            code = await asyncio.to_thread(process.signal, signal.SIGTERM)
            ended = time.monotonic() - began
        finally:
            os.kill(hung, signal.SIGCONT)
    await asyncio.to_thread(realm.remove_instances)
    return [
        Row(
            "60 QEMU instances killed at once: reports",
            "60",
            f"{reports} (last after {took:.2f} s)",
            reports == 60,
        ),
        Row(
            "RSS idle, watching 60 instances",
            "<= 50 MB",
            f"{idle:.1f} MB ({own:.1f} its own, not of shared libraries)",
            idle <= 50,
        ),
        Row(
            "SIGTERM -> ended, libvirtd hung",
            "<= 1 s, exit 0",
            f"{ended:.2f} s, exit {code}",
            ended <= 1 and code == 0,
        ),
    ]


async def storm_of_events(realm: Realm) -> list[Row]:
    """A thousand domains of libvirt's test driver destroyed at once, before a slow and a failing API."""
    connection = realm.connect(realm.test_uri)
    template = (
        "<domain type='test'><name>st-{0}</name><uuid>00000000-0000-4000-8000-{0:012x}</uuid>"
        "<memory>1024</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"
    )
    domains = [connection.createXML(template.format(number)) for number in range(STORM)]
    uuids = {domain.UUIDString() for domain in domains}
    up_again = time.monotonic() + ENOUGH
    rows = []
    async with (
        cloud(delay=SLOW_ANSWER) as slow,
        cloud(fault=lambda _report: 503 if time.monotonic() < up_again else None) as failing,
        daemon(realm, slow, realm.test_uri) as with_slow,
        daemon(realm, failing, realm.test_uri) as with_failing,
    ):
        peaks = {"slow": Peak(with_slow.pid), "failing": Peak(with_failing.pid)}
        watchers = [asyncio.get_running_loop().create_task(peak.watch()) for peak in peaks.values()]

        def destroy_all() -> None:
            for domain in domains:
                domain.destroy()

        began = time.monotonic()
        await asyncio.to_thread(destroy_all)
        gone = time.monotonic() - began
        up_again = began + OUTAGE
        for name, far, what in (
            ("failing", failing, f"fails for {OUTAGE:.0f} s"),
            ("slow", slow, f"takes {SLOW_ANSWER:.0f} s per answer"),
        ):
            with contextlib.suppress(NotInTime):  # what does not arrive shows in the figures
                await eventually(lambda far=far: uuids <= far.accepted.keys(), "all reports", ENOUGH)  # type: ignore[misc]
            arrived, peak = len(await far.receiver.notifications()), peaks[name]
            last = max(far.accepted.values(), default=began) - began
            label = f"{STORM} destroyed in {gone:.1f} s, API {what}"
            rows += [
                Row(
                    f"{label}: delivered",
                    str(STORM),
                    f"{arrived} (last after {last:.0f} s)",
                    arrived == STORM,
                ),
                Row(f"{label}: threads", "<= 16", str(peak.threads), peak.threads <= 16),
                Row(
                    f"{label}: RSS",
                    "<= 70 MB",
                    f"{peak.kilobytes / 1024:.1f} MB",
                    peak.kilobytes <= 70 * 1024,
                ),
                Row(f"{label}: token requests", "1", str(far.keystone.tokens), far.keystone.tokens == 1),
            ]
        for watcher in watchers:
            watcher.cancel()
    connection.close()
    return rows


async def bench() -> list[Row]:
    """All of the above, on one libvirtd of our own."""
    if reason := why_not():
        return [Row("instance monitor on real QEMU", "-", f"not measured: {reason}", True)]
    rows = []
    with opened() as realm:
        async with cloud() as far, daemon(realm, far):
            pass  # compiles what is not yet compiled
        rows += await kills(realm, eye=False)
        rows += await kills(realm, eye=True)
        rows += await storm_of_processes(realm)
        rows += await storm_of_events(realm)
    return rows
