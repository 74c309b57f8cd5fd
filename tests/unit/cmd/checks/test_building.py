"""A monitor's start, played for a check: what would end it, what it would warn of, and nothing else."""

import logging
import types
from collections.abc import Callable
from typing import Any

import pytest
from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.checks import building
from masakarimonitors.conf import ConfigFault, loader
from masakarimonitors.core.finding import Finding, Weight
from masakarimonitors.monitor import Monitor
from masakarimonitors.system.clock import SystemClock
from tests.unit.cmd.conftest import Configure


class Played:
    """A monitor's module: what it says of this host, and what comes of building it."""

    def __init__(self, obstacle: str = "", fault: str = "", warns: str = "", in_vain: str = "") -> None:
        self.obstacle, self.fault, self.warns, self.in_vain = obstacle, fault, warns, in_vain
        self.closed = 0

    def cannot_work(self, conf: cfg.ConfigOpts) -> str:
        return self.obstacle

    def build(self, *_: object) -> Monitor[Any, Any]:
        if self.warns:
            logging.getLogger("masakarimonitors.played").warning("%s", self.warns)
        if self.fault:
            raise ConfigFault(self.fault)

        async def close() -> None:
            self.closed += 1

        return Monitor(
            name="processmonitor",
            state=None,
            decide=lambda state, observation, now: (state, None),  # type: ignore[arg-type, return-value]
            sources=(),
            close=close,
            in_vain=self.in_vain,
        )


Build = Callable[..., Any]


@pytest.fixture
def build(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Build:
    async def play(played: object, *, wanted: bool = False) -> list[Finding]:
        monkeypatch.setattr(wiring, "monitor_module", lambda name: played)
        conf = loader.load(["--config-file", str(configure())], default_config_dirs=[])
        api = wiring.api_client(conf)
        try:
            return await building.monitor("processmonitor", conf, api, SystemClock(), wanted=wanted)
        finally:
            api.close()

    return play


async def test_one_in_order_is_built_whole_and_let_go(build: Build) -> None:
    played = Played()
    (found,) = await build(played)
    assert (found.weight, found.text, played.closed) == (Weight.OK, "processmonitor can work here", 1)


async def test_what_would_end_it_is_a_fault_in_its_own_words(build: Build) -> None:
    (found,) = await build(Played(fault="mend\nthis"))
    assert (found.weight, found.text) == (Weight.FAULT, "processmonitor: mend\nthis")


@pytest.mark.parametrize(("wanted", "weight"), [(False, Weight.WARNING), (True, Weight.FAULT)])
async def test_a_host_that_is_none_for_it_is_a_fault_only_where_it_is_wanted(
    build: Build, wanted: bool, weight: Weight
) -> None:
    for played in (Played(obstacle="no libvirt"), Played(obstacle="no libvirt", fault="no libvirt")):
        (found,) = await build(played, wanted=wanted)
        assert (found.weight, found.text) == (weight, "processmonitor cannot work here: no libvirt")


async def test_a_file_that_is_wrong_is_a_fault_on_any_host(build: Build) -> None:
    (found,) = await build(Played(obstacle="no libvirt", fault="the file is broken"))
    assert (found.weight, found.text) == (Weight.FAULT, "processmonitor: the file is broken")


async def test_what_it_would_warn_of_at_its_start_is_said_once_and_not_logged(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await build(Played(warns="this is unwise"))
    assert [(one.weight, one.text) for one in found] == [
        (Weight.WARNING, "processmonitor: this is unwise"),
        (Weight.OK, "processmonitor can work here"),
    ]
    assert "unwise" not in "".join(capsys.readouterr())


async def test_one_that_could_never_report_is_a_fault(build: Build) -> None:
    (found,) = await build(Played(in_vain="nothing ever means recovery"))
    assert (found.weight, found.text) == (Weight.FAULT, "processmonitor: nothing ever means recovery")


async def test_one_that_this_release_does_not_hold(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await build(types.SimpleNamespace(cannot_work=_not_built))
    assert [one.weight for one in found] == [Weight.WARNING]


def _not_built(conf: cfg.ConfigOpts) -> str:
    raise wiring.NotBuilt("x")


def test_monitors_come_in_the_order_in_which_they_start() -> None:
    assert building.monitors([]) == list(wiring.MONITORS)
    assert building.monitors(["hostmonitor", "processmonitor"]) == ["processmonitor", "hostmonitor"]
