"""What `masakari-monitors run` tells a person at its start."""

from collections.abc import Sequence

import pytest

from masakarimonitors.cmd.run import say
from masakarimonitors.cmd.wiring import WiredMonitor, wire
from masakarimonitors.core.decision import NOTHING
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock


async def wired(name: str, watching: Sequence[str], try_this: Sequence[str] = ()) -> WiredMonitor:
    clock = FakeClock()
    monitor = Monitor[None, str](
        name=name,
        state=None,
        decide=lambda state, seen, now: (state, NOTHING),
        sources=(),
        watching=watching,
        try_this=try_this,
    )
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    return wire(monitor, outbox, FakeApi(), DeliveryPolicy(), clock)


async def test_what_is_watched_what_is_not_where_it_all_goes_and_how_to_see_it_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = await wired("processmonitor", ["process x", "process y"], ["pkill x", "pkill y"])
    second = await wired("hostmonitor", ["host compute-2"], ["consul leave"])
    say([first, second], ["instancemonitor: no libvirt"], "[api]", "http://127.0.0.1:1/")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [
        "masakari-monitors is running.",
        "processmonitor",
        "process x",
        "process y",
        "hostmonitor",
        "host compute-2",
        "not running: instancemonitor: no libvirt",
        "reports go to  [api]",
        f"kept on disk   {first.outbox.where}",
        f"kept on disk   {second.outbox.where}",
        "status page    http://127.0.0.1:1/",
        "To see it work, type in another terminal:",
        "pkill x",
        "Ctrl-C stops it.",
    ]


async def test_of_what_there_is_not_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    say([await wired("processmonitor", [])], [], "[api]", "")
    said = capsys.readouterr().out
    for words in ("status page", "To see it work", "not running"):
        assert words not in said
