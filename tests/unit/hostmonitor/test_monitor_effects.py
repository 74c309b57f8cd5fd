"""The effects as they are wired: signs of life whatever the driver, the rest by the driver's own."""

from pathlib import Path
from typing import Any

import pytest

from masakarimonitors import conf as options
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import CheckLife, CheckPower, Life, LifeSeen
from masakarimonitors.hostmonitor.drivers.base import Driver, Endpoint
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock


async def look(host: str) -> None:
    return None


def conf_of(tmp_path: Path, text: str = "") -> Any:
    file = tmp_path / "monitors.conf"
    file.write_text(f"[DEFAULT]\nhostname = node01\n{text}")
    return options.load(["--config-file", str(file)])


async def test_a_driver_says_where_and_the_monitor_looks(tmp_path: Path) -> None:
    asked: list[str] = []

    def endpoints(host: str) -> list[Endpoint]:
        asked.append(host)
        return [Endpoint("127.0.0.1", 1, "loopback")]

    driver = Driver(name="test", matrix=matrix.single("cluster"), sources=(), endpoints=endpoints)
    effects = wiring.wire(conf_of(tmp_path), driver, {}, FakeClock(), FakeApi()).effects
    assert effects is not None
    seen = await effects.perform(CheckLife("node05", 1))
    assert asked == ["node05"]
    # Loopback is this host itself, whatever answers there.
    assert isinstance(seen, LifeSeen) and seen.life is Life.UNKNOWN
    assert await effects.perform(CheckPower("node05", 1)) is None


@pytest.mark.parametrize(
    ("text", "look", "rounds"),
    [("", look, True), ("power_check_interval = 0\n", look, False), ("", None, False)],
)
def test_bmcs_are_looked_at_where_the_driver_knows_them_and_unless_it_is_turned_off(
    tmp_path: Path, text: str, look: Any, rounds: bool
) -> None:
    driver = Driver(name="test", matrix=matrix.single("cluster"), sources=(), look_at_power=look)
    monitor = wiring.wire(conf_of(tmp_path, f"[host]\n{text}"), driver, {}, FakeClock(), FakeApi())
    assert ("BMC rounds" in {source.name for source in monitor.sources}) == rounds
