"""The console script as a process: how it ends, and where it refuses to start."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.waiting import until
from tests.integration.virt.instance import Instance
from tests.integration.virt.introspective import FAST, monitor_for, process
from tests.integration.virt.realm import Realm

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(600)]


@pytest.fixture
def api() -> Iterator[FakeMasakari]:
    with FakeMasakari() as api:
        yield api


@pytest.fixture(scope="module")
def guest(realm: Realm) -> Iterator[Instance]:
    instance = realm.boot("instance-process")
    yield instance
    instance.remove()


def test_r21_sigterm_ends_it_while_a_ping_hangs_and_libvirtd_stands_still(
    realm: Realm, guest: Instance, api: FakeMasakari, tmp_path: Path
) -> None:
    """Calls under way never come back here; how long the end takes is measured in benchmarks/introspective.py."""
    with process(realm, tmp_path, api, **FAST) as monitor:
        monitor.until_shown(f"vm:{guest.uuid}", "healthy")
        libvirtd = realm.libvirtd_pid
        assert libvirtd
        guest.hang()
        monitor.until_shown(f"vm:{guest.uuid}", "error")
        os.kill(libvirtd, signal.SIGSTOP)
        try:
            assert monitor.signal(signal.SIGTERM) == 0
        finally:
            os.kill(libvirtd, signal.SIGCONT)
            guest.unhang()


def test_a_report_reaches_the_api(realm: Realm, guest: Instance, api: FakeMasakari, tmp_path: Path) -> None:
    guest.wait_for_agent()
    with process(realm, tmp_path, api, **FAST) as monitor:
        monitor.until_shown(f"vm:{guest.uuid}", "healthy")
        guest.hang()
        try:
            until(lambda: api.of(guest.uuid), "the report to be accepted", 120)
        finally:
            guest.unhang()
        monitor.until_shown(f"vm:{guest.uuid}", "healthy")
    assert len(api.of(guest.uuid)) == 1


def test_a_libvirtd_that_is_away_is_waited_for(
    realm: Realm, guest: Instance, api: FakeMasakari, tmp_path: Path
) -> None:
    guest.wait_for_agent()
    realm.kill_libvirtd()
    try:
        with process(realm, tmp_path, api, **FAST) as monitor:
            until(lambda: "away" in monitor.states().values(), "the monitor to say that libvirt is away")
            realm.start_libvirtd()
            monitor.until_shown(f"vm:{guest.uuid}", "healthy")
    finally:
        realm.start_libvirtd()


@pytest.mark.parametrize(
    ("uri", "words"),
    [("no uri at all", "is no connection URI"), ("qemu+bogus:///system", "Correct [libvirt] connection_uri")],
)
def test_a_uri_that_can_never_work_ends_it_with_a_message(
    realm: Realm, tmp_path: Path, uri: str, words: str
) -> None:
    ended = monitor_for(realm, tmp_path, "http://127.0.0.1:9/", uri=uri).run()
    assert ended.returncode not in (0, None)
    assert words in ended.stderr and "Traceback" not in ended.stderr


def test_without_libvirts_binding_it_says_what_to_install(realm: Realm, tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise ImportError('not here')\n")
    ended = monitor_for(realm, tmp_path, "http://127.0.0.1:9/", env={"PYTHONPATH": str(tmp_path)}).run()
    assert ended.returncode not in (0, None)
    assert "python3-libvirt" in ended.stderr and "Traceback" not in ended.stderr
