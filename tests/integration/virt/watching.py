"""A real monitor at work against a realm, in a thread of its own; its reports end at a list.

Wired by the monitor's own `build` from a configuration file; outbox, delivery and daemon are the real
ones, only masakari-api is played.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from masakarimonitors.cmd import wiring
from masakarimonitors.conf import loader
from masakarimonitors.core.decision import Verdict
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.monitor_process import Sections, write_conf
from tests.fixtures.waiting import PATIENCE, until
from tests.integration.virt.instance import Instance
from tests.integration.virt.realm import DEADLINE, Realm

FAILED = "LIFECYCLE/STOPPED_FAILED"
_LOST_CONTROL = "CONTROL_ERROR/UNKNOWN"


class Watch:
    """One run of a monitor: what it reported and what it ruled."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.status: MonitorStatus | None = None

    def said(self, instance: Instance | str) -> list[str]:
        """What was reported of an instance (or of a uuid), in order: "LIFECYCLE/STOPPED_FAILED", ...

        But not that libvirt lost its control of one that dies: whether it says so hangs on how it notices that.
        """
        uuid = instance if isinstance(instance, str) else instance.uuid
        words = [
            f"{offer['payload']['event']}/{offer['payload']['vir_domain_event']}"
            for offer in list(self.api.offers)
            if offer["payload"]["instance_uuid"] == uuid
        ]
        return [word for word in words if word != _LOST_CONTROL]

    def reports(
        self, instance: Instance | str, word: str = FAILED, times: int = 1, within: float = PATIENCE
    ) -> None:
        """Waits until `word` was reported of an instance (or of a uuid) so often, whatever else was."""
        name, uuid = (instance, instance) if isinstance(instance, str) else (instance.name, instance.uuid)
        until(
            lambda: self.said(uuid).count(word) >= times,
            lambda: f"{word} of {name}, but {self.said(uuid)}; ruled: {self.verdicts(f'vm:{uuid}')}",
            within,
        )

    def verdicts(self, instance: Instance | str) -> list[Verdict]:
        """What was ruled about an instance or another subject, oldest first."""
        subject = instance if isinstance(instance, str) else f"vm:{instance.uuid}"
        assert self.status is not None
        return [one.verdict for one in list(self.status.record.verdicts) if one.verdict.subject == subject]

    def states(self) -> dict[str, str]:
        """What the status shows now: state by subject."""
        assert self.status is not None
        return {row.subject: row.state for row in self.status.subjects()}

    def knows(self, instance: Instance, state: str = "up") -> None:
        """Waits until the monitor has this instance in this state."""
        uuid = instance.uuid
        # Each look makes the whole status, in the monitor's own process.
        until(
            lambda: self.states().get(f"vm:{uuid}") == state,
            f"{instance.name} to be seen {state}",
            every=0.05,
        )


def sections_for(
    realm: Realm, uri: str | None = None, more: Sections | None = None, **options: Any
) -> Sections:
    """The configuration of a monitor that watches `realm`; `options` go into [libvirt], `more` elsewhere."""
    libvirt = {
        "connection_uri": uri or realm.uri_ro,
        "qemu_pid_directory": realm.pid_directory,
        "qemu_log_directory": realm.layout / "var/log/libvirt/qemu",
        **options,
    }
    return {"DEFAULT": {"hostname": "compute-1"}, "libvirt": libvirt, **(more or {})}


@contextlib.contextmanager
def watching(
    realm: Realm,
    folder: Path,
    name: str = "instancemonitor",
    uri: str | None = None,
    sections: Sections | None = None,
    **options: Any,
) -> Iterator[Watch]:
    """The monitor `name` runs while the block does; `folder` keeps its state from one run to the next."""
    watch, ready, failed = Watch(FakeApi()), threading.Event(), list[BaseException]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        clock = SystemClock()
        written = write_conf(folder / "conf", sections_for(realm, uri, sections, **options))
        conf = loader.load(["--config-file", str(written)], default_config_dirs=[])
        outbox = await wiring.make_outbox(conf, folder, name, clock)
        await outbox.open()
        try:
            monitor = wiring.build_monitor(name, conf, outbox.memory, clock, watch.api)
            wired = wiring.wire(monitor, outbox, watch.api, DeliveryPolicy(), clock)
            watch.status = wired.status
            work: list[asyncio.Task[Any]] = [
                loop.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon)
            ]
            ready.set()
            stopped: asyncio.Task[Any] = loop.create_task(stop.wait())
            done, _ = await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            for task in done - {stopped}:
                task.result()
        finally:
            await outbox.close()

    def thread() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failed.append(error)
        finally:
            ready.set()
            loop.close()

    runner = threading.Thread(target=thread, name=f"watching-{name}", daemon=True)
    runner.start()
    assert ready.wait(DEADLINE)
    try:
        if not failed:
            yield watch
    finally:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        runner.join(DEADLINE)
        assert not runner.is_alive()
    if failed:
        raise failed[0]
