"""A driver as its author wrote it for the old monitors: no arguments, a loop of its own, its own imports."""

import asyncio
import datetime
import importlib
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from masakarimonitors import conf
from masakarimonitors.core.decision import Instant, Notify
from masakarimonitors.core.notification import HostNotification
from masakarimonitors.core.unconfirmed import Say, Unconfirmed
from masakarimonitors.ha import masakari
from masakarimonitors.hostmonitor.drivers import thirdparty
from masakarimonitors.hostmonitor.host_handler import driver
from masakarimonitors.i18n import _
from masakarimonitors.objects import event_constants as ec
from tests.fixtures.fake_clock import EPOCH, FakeClock


class Old(driver.DriverBase):
    """What such a driver looks like."""

    made: ClassVar[list["Old"]] = []

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.sender = masakari.SendNotification()
        Old.made.append(self)

    def monitor_hosts(self) -> None:
        words = ec.EventConstants
        self.sender.send_notification(12, 10, {
            "notification": {
                "type": words.TYPE_COMPUTE_HOST,
                "hostname": _("node05"),
                "generated_time": datetime.datetime(2026, 11, 22, 8, 5),
                "payload": {
                    "event": words.EVENT_STOPPED,
                    "cluster_status": words.CLUSTER_STATUS_OFFLINE,
                    "host_status": words.HOST_STATUS_NORMAL,
                },
            }
        })  # fmt: skip
        self.stopping.wait(60)

    def stop(self) -> None:
        self.stopping.set()


async def test_it_runs_unchanged_on_a_thread_and_its_report_goes_out() -> None:
    Old.made.clear()
    monitor = thirdparty.monitor("old", Old, FakeClock())
    seen: asyncio.Queue[thirdparty.Said] = asyncio.Queue()
    running = asyncio.get_running_loop().create_task(monitor.sources[0].run(seen.put_nowait))
    async with asyncio.timeout(30):
        said = await seen.get()
    _, decision = monitor.decide(monitor.state, said, FakeClock().now())
    (command,) = [one for one in decision.commands if isinstance(one, Notify)]
    assert isinstance(command.notification, HostNotification)
    assert command.notification.hostname == "node05"
    assert command.notification.generated_time == datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await asyncio.to_thread(Old.made[0].stopping.wait, 30)


async def test_a_driver_without_stop_is_left_to_itself() -> None:
    going = threading.Event()
    free = threading.Event()

    class Endless:
        def monitor_hosts(self) -> None:
            going.set()
            free.wait(60)

    source = thirdparty.ForeignSource("endless", Endless, FakeClock())
    running = asyncio.get_running_loop().create_task(source.run(lambda said: None))
    assert await asyncio.to_thread(going.wait, 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    free.set()


async def test_a_driver_that_fails_ends_its_source_with_the_reason() -> None:
    class Broken(Old):
        def monitor_hosts(self) -> None:
            raise SystemExit("no cluster here")

    source = thirdparty.ForeignSource("broken", Broken, FakeClock())
    with pytest.raises(RuntimeError, match="SystemExit: no cluster here"):
        async with asyncio.timeout(30):
            await source.run(lambda said: None)


@pytest.mark.parametrize(("word", "forgotten"), [("STOPPED", True), ("STARTED", False)])
def test_nobody_can_say_whether_a_report_of_the_last_life_holds(word: str, forgotten: bool) -> None:
    now = Instant(0.0, EPOCH)
    monitor = thirdparty.monitor("old", Old, FakeClock())
    payload = {"event": word, "cluster_status": "OFFLINE", "host_status": "NORMAL"}
    left = Unconfirmed("host:node05", thirdparty.read(event(payload=payload), now))
    judged = monitor.judge_unconfirmed(monitor.state, left, now)
    assert (judged.say, judged.forgotten) == (Say.WITHDRAW, forgotten)


def event(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "COMPUTE_HOST",
        "hostname": "node05",
        "payload": {"event": "STARTED", "cluster_status": "ONLINE", "host_status": "NORMAL"},
    }
    return {"notification": body | changes}


def test_times_of_any_form_are_understood() -> None:
    now = Instant(0.0, EPOCH)
    assert thirdparty.read(event(), now).generated_time == EPOCH
    for text in ("2026-11-22T08:05:00", "2026-11-22 08:05:00Z", "2026-11-22T09:05:00+01:00"):
        when = thirdparty.read(event(generated_time=text), now).generated_time
        assert when == datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"notification": None},
        event(type="VM"),
        event(payload={"event": "BOOM"}),
        event(hostname="node 05"),
        event(generated_time="yesterday"),
    ],
)
def test_what_masakari_would_refuse_is_a_fault(wrong: dict[str, Any]) -> None:
    with pytest.raises(thirdparty.EventFault):
        thirdparty.read(wrong, Instant(0.0, EPOCH))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("masakarimonitors.ha.masakari", "SendNotification"),
        ("masakarimonitors.hostmonitor.driver", "DriverBase"),
        ("masakarimonitors.hostmonitor.host_handler.driver", "DriverBase"),
        ("masakarimonitors.i18n", "_"),
        ("masakarimonitors.objects.event_constants", "EventConstants"),
        ("masakarimonitors.utils", "execute"),
    ],
)
def test_what_such_drivers_import_keeps_its_path(module: str, name: str) -> None:
    found = importlib.import_module(module)
    assert hasattr(found, name)
    assert (found.__doc__ or "").startswith("Compatibility: ")


def test_the_options_stand_where_such_drivers_import_them(tmp_path: Path) -> None:
    file = tmp_path / "monitors.conf"
    file.write_text("[DEFAULT]\nhostname = node01\n[host]\nmonitoring_interval = 7\n")
    loaded = conf.load(["--config-file", str(file)])
    thirdparty.offer_options(loaded)
    assert importlib.import_module("masakarimonitors.conf").CONF is loaded
    assert conf.CONF.host.monitoring_interval == 7  # type: ignore[attr-defined]
