"""Drivers as they were written for each age of OpenStack's host monitor: installed, configured, run unchanged."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault, unknown
from masakarimonitors.conf.sections.host import OWN_DRIVERS
from masakarimonitors.hostmonitor import monitor
from masakarimonitors.hostmonitor.drivers import base, thirdparty
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock

DRIVERS = Path(__file__).parents[3] / "data" / "drivers"
MODULE = "a_driver_of_somebody"


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    """The options that such drivers see are global, and so are the modules that were imported."""
    yield
    cfg.CONF.clear()
    sys.modules.pop(MODULE, None)
    vars(conf).pop("CONF", None)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, source: Path | str, name: str) -> None:
    """As pip does it: the module, and its entry point in the folder beside it."""
    if isinstance(source, Path):
        shutil.copy(source, folder / f"{MODULE}.py")
    else:
        (folder / f"{MODULE}.py").write_text(source)
    described = folder / "a_driver_of_somebody-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: a-driver-of-somebody\nVersion: 1\n")
    (described / "entry_points.txt").write_text(f"[hostmonitor.driver]\nmine = {MODULE}:{name}\n")
    monkeypatch.syspath_prepend(str(folder))


def configured(folder: Path, text: str) -> cfg.ConfigOpts:
    file = folder / "monitors.conf"
    file.write_text(f"[DEFAULT]\nhostname = node01\n[host]\nmonitoring_driver = mine\n{text}")
    return conf.load(["--config-file", str(file)], default_config_files=[], default_config_dirs=[])


async def first_said(loaded: cfg.ConfigOpts) -> thirdparty.Said:
    """What the driver says first, through the monitor that is built around it."""
    built = monitor.build(loaded, {}, FakeClock(), FakeApi())
    seen: asyncio.Queue[thirdparty.Said] = asyncio.Queue()
    running = asyncio.get_running_loop().create_task(built.sources[0].run(seen.put_nowait))
    try:
        async with asyncio.timeout(30):
            return await seen.get()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_driver_of_the_first_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, DRIVERS / "release_12.py.txt", "Old")
    text = "patience = 7\nmonitoring_intervall = 3\n[host_of_old]\nwitness = them\n[hots]\na = b\n"
    loaded = configured(tmp_path, text)
    # Before it is loaded nobody can tell its sections from misspelt ones; other monitors never load it.
    assert not [remark for remark in unknown.remarks(loaded) if "section" in remark.text]
    said = await first_said(loaded)
    assert said.notification.subject == "host:them-lost-7"
    texts = [remark.text for remark in unknown.remarks(loaded, driver_loaded=True)]
    assert texts == [
        "unknown option [host] monitoring_intervall is ignored; did you mean monitoring_interval?",
        "unknown section [hots] is ignored; did you mean host?",
    ]


async def test_a_driver_of_the_last_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, DRIVERS / "release_19.py.txt", "New")
    loaded = configured(tmp_path, "monitoring_interval = 9\n[api]\nauth_url = keystone.example\n")
    said = await first_said(loaded)
    assert said.notification.subject == "host:node01-9-keystone.example"


def test_its_sections_are_said_to_be_unknown_only_once_it_could_have_declared_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, monkeypatch, DRIVERS / "release_12.py.txt", "Old")
    loaded = configured(tmp_path, "typo = 1\n[host_of_old]\nwitness = them\n[hots]\na = b\n")
    assert monitor.cannot_work(loaded) == ""
    unknown.warn_of_sections(loaded)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "unknown section [hots]" in warning


@pytest.mark.parametrize(
    "source", ["import nothing_of_the_kind", "raise ValueError('broken')", "1 / 0", "Old = None"]
)
def test_a_driver_that_cannot_be_loaded_is_a_fault_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    install(tmp_path, monkeypatch, source, "Missing")
    loaded = configured(tmp_path, "")
    with pytest.raises(ConfigFault, match="monitoring_driver = mine"):
        monitor.cannot_work(loaded)
    with pytest.raises(ConfigFault, match="monitoring_driver = mine"):
        monitor.build(loaded, {}, FakeClock(), FakeApi())


def test_the_names_of_our_own_drivers_are_known_where_options_are_read() -> None:
    assert set(base.BUILT_IN) == set(OWN_DRIVERS)
