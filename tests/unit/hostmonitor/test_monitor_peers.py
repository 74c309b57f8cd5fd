"""The host monitor wired to tell those of other hosts how it is, where its driver has a store for that."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masakarimonitors.conf.sections import default, host
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core.peers.announcement import OPTIONS, decode
from masakarimonitors.hostmonitor.sources.peers import Peers
from masakarimonitors.monitor import Monitor, OwnStanding
from masakarimonitors.status.health import Health
from masakarimonitors.status.model import OutboxRow
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.host_play import OWN
from tests.unit.hostmonitor.test_monitor import conf_of, driver


class Store:
    reporter_alone = False

    def __init__(self) -> None:
        self.words: dict[str, bytes] = {}

    def cannot_tell(self, node: str) -> bool:
        return False

    async def tell(self, node: str, value: bytes) -> None:
        self.words[node] = value

    async def read(self) -> Mapping[str, bytes]:
        return self.words


def wired(tmp_path: Path, clock: FakeClock, text: str = "", **more: Any) -> Monitor[Any, Any]:
    return wiring.wire(conf_of(tmp_path, text), driver(**more), {}, clock, FakeApi())


def peers(monitor: Monitor[Any, Any]) -> list[Peers]:
    return [source for source in monitor.sources if isinstance(source, Peers)]


async def test_it_tells_and_hears_where_there_is_a_store(tmp_path: Path) -> None:
    clock, store = FakeClock(), Store()
    monitor = wired(tmp_path, clock, peers=store)
    (source,) = peers(monitor)
    outbox = OutboxRow(where="", pending=0, counts={}, disk_fault="", api_trouble="")
    monitor.watch_standing(lambda: OwnStanding(monitor.state, Health(at=clock.now()), outbox))
    task = asyncio.get_running_loop().create_task(source.run(lambda observation: None))
    await clock.advance(10)
    task.cancel()
    await settle()
    assert decode(OWN, store.words[OWN]) is not None
    told = monitor.fleet(monitor.state)
    assert told is not None and told["counts"] == {
        "blind": 0,
        "differs": 0,
        "degraded": 0,
        "silent": 0,
        "never heard": 0,
        "as others": 1,
    }


async def test_without_a_store_or_the_wish_nothing_is_told(tmp_path: Path) -> None:
    for monitor in (
        wired(tmp_path, FakeClock()),
        wired(tmp_path, FakeClock(), "[host]\nfleet_view = false\n", peers=Store()),
    ):
        assert not peers(monitor) and monitor.fleet(monitor.state) is None


def test_the_options_that_are_compared_are_there() -> None:
    known = {f"[host] {one.name}" for one in host.OPTIONS} | {
        f"[DEFAULT] {one.name}" for one in default.OPTIONS
    }
    named = {option for options in OPTIONS.values() for option in options}
    assert named - known == {"[consul] matrix_config_file"}
