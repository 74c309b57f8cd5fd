"""The console script as a process: how it ends, and where it refuses to start."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.virt.introspective import FAST, Accepting, arguments_for, process, run_to_its_end
from tests.integration.virt.machine import Machine
from tests.integration.virt.realm import Realm, until

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(600)]


@pytest.fixture
def api() -> Iterator[Accepting]:
    api = Accepting()
    yield api
    api.close()


@pytest.fixture(scope="module")
def guest(realm: Realm) -> Iterator[Machine]:
    machine = realm.boot("instance-process")
    yield machine
    machine.remove()


def test_r21_sigterm_ends_it_while_a_ping_hangs_and_libvirtd_stands_still(
    realm: Realm, guest: Machine, api: Accepting, tmp_path: Path
) -> None:
    """Calls under way never come back here; how long the end takes is measured in benchmarks/introspective.py."""
    with process(realm, tmp_path, api.endpoint, **FAST) as monitor:
        until(lambda: monitor.states().get(f"vm:{guest.uuid}") == "healthy", "the guest to be healthy")
        libvirtd = realm.libvirtd_pid
        assert libvirtd
        guest.hang()
        until(lambda: monitor.states().get(f"vm:{guest.uuid}") == "error", "the first miss")
        os.kill(libvirtd, signal.SIGSTOP)
        try:
            monitor.terminate()
        finally:
            os.kill(libvirtd, signal.SIGCONT)
            guest.unhang()
        assert monitor.process.returncode == 0


def test_a_report_reaches_the_api(realm: Realm, guest: Machine, api: Accepting, tmp_path: Path) -> None:
    guest.wait_for_agent()
    with process(realm, tmp_path, api.endpoint, **FAST) as monitor:
        until(lambda: monitor.states().get(f"vm:{guest.uuid}") == "healthy", "the guest to be healthy")
        guest.hang()
        try:
            until(lambda: api.at.get(guest.uuid), "the report to be accepted", 120)
        finally:
            guest.unhang()
        until(lambda: monitor.states().get(f"vm:{guest.uuid}") == "healthy", "the guest to be healthy again")
    assert len(api.at[guest.uuid]) == 1


def test_a_libvirtd_that_is_away_is_waited_for(
    realm: Realm, guest: Machine, api: Accepting, tmp_path: Path
) -> None:
    guest.wait_for_agent()
    realm.kill_libvirtd()
    try:
        with process(realm, tmp_path, api.endpoint, **FAST) as monitor:
            until(lambda: "away" in monitor.states().values(), "the monitor to say that libvirt is away")
            realm.start_libvirtd()
            until(lambda: monitor.states().get(f"vm:{guest.uuid}") == "healthy", "the guest to be healthy")
    finally:
        realm.start_libvirtd()


@pytest.mark.parametrize(
    ("uri", "words"),
    [("no uri at all", "is no connection URI"), ("qemu+bogus:///system", "Correct [libvirt] connection_uri")],
)
def test_a_uri_that_can_never_work_ends_it_with_a_message(
    realm: Realm, tmp_path: Path, uri: str, words: str
) -> None:
    ended = run_to_its_end(arguments_for(realm, tmp_path, "http://127.0.0.1:9/", uri=uri))
    assert ended.returncode not in (0, None)
    assert words in ended.stderr and "Traceback" not in ended.stderr


def test_without_libvirts_binding_it_says_what_to_install(realm: Realm, tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise ImportError('not here')\n")
    ended = run_to_its_end(
        arguments_for(realm, tmp_path, "http://127.0.0.1:9/"), {"PYTHONPATH": str(tmp_path)}
    )
    assert ended.returncode not in (0, None)
    assert "python3-libvirt" in ended.stderr and "Traceback" not in ended.stderr
