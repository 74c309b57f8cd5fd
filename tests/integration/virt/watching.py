"""A real monitor at work against a realm, in a thread of its own; its reports end at a list.

Wired by the monitor's own `build` from a configuration file; outbox, delivery and daemon are the real
ones, only masakari-api is played.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from masakarimonitors import conf as house
from masakarimonitors.cmd import parts
from masakarimonitors.daemon import Daemon
from masakarimonitors.decisions import Verdict
from masakarimonitors.outbox.delivery import Delivery, DeliveryPolicy
from masakarimonitors.status.board import Board
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_api import FakeApi
from tests.integration.virt.machine import Machine
from tests.integration.virt.realm import DEADLINE, Realm, until


class Watch:
    """One run of a monitor: what it reported and what it ruled."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.board: Board | None = None

    def said(self, machine: Machine | str) -> list[str]:
        """What was reported of a machine (or of a uuid), in order: "LIFECYCLE/STOPPED_FAILED", ..."""
        uuid = machine if isinstance(machine, str) else machine.uuid
        return [
            f"{offer['payload']['event']}/{offer['payload']['vir_domain_event']}"
            for offer in list(self.api.offers)
            if offer["payload"]["instance_uuid"] == uuid
        ]

    def verdicts(self, machine: Machine | str) -> list[Verdict]:
        """What was ruled about a machine or subject, oldest first."""
        subject = machine if isinstance(machine, str) else f"vm:{machine.uuid}"
        assert self.board is not None
        return [told.verdict for told in list(self.board.verdicts) if told.verdict.subject == subject]

    def states(self) -> dict[str, str]:
        """What the status shows now: state by subject."""
        assert self.board is not None
        return {row.subject: row.state for row in self.board.subjects()}

    def knows(self, machine: Machine, state: str = "up") -> None:
        """Waits until the monitor has this machine in this state."""
        uuid = machine.uuid
        until(lambda: self.states().get(f"vm:{uuid}") == state, f"{machine.name} to be seen {state}")


def configuration(
    realm: Realm,
    folder: Path,
    uri: str | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> list[str]:
    """Arguments that name a configuration file for `realm`; `options` go into [libvirt], `sections` elsewhere."""
    lines = {
        "connection_uri": uri or realm.uri_ro,
        "qemu_pid_directory": realm.pid_directory,
        "qemu_log_directory": realm.layout / "var/log/libvirt/qemu",
        **options,
    }
    file = folder / "masakarimonitors.conf"
    text = "[DEFAULT]\nhostname = compute-1\n[libvirt]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items())
    for section, values in (sections or {}).items():
        text += f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items())
    file.write_text(text)
    return ["--config-file", str(file)]


@contextlib.contextmanager
def watching(
    realm: Realm,
    folder: Path,
    name: str = "instancemonitor",
    uri: str | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> Iterator[Watch]:
    """The monitor `name` runs while the block does; `folder` keeps its state from one run to the next."""
    watch, ready, failed = Watch(FakeApi()), threading.Event(), list[BaseException]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        clock = SystemClock()
        conf = house.load(configuration(realm, folder, uri, sections, **options), default_config_dirs=[])
        outbox = parts.make_outbox(conf, folder, name, clock)
        await outbox.open()
        try:
            watch.board = Board(name, clock.now())
            monitor = parts.build_monitor(name, conf, outbox.memory, clock)
            delivery = Delivery(outbox, watch.api, DeliveryPolicy(), clock)
            work: list[asyncio.Task[Any]] = [
                loop.create_task(part)
                for part in (outbox.run(), delivery.run(), Daemon(monitor, outbox, clock, watch.board).run())
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
