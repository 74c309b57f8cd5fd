"""How a domain's numbers become a reading, and when the disk is asked as well."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.instancemonitor.core.observation import Identity, Power, Process, Reading
from masakarimonitors.instancemonitor.domains import (
    EventNumbers,
    files_of,
    host_of,
    identify,
    read,
    read_traces,
)
from masakarimonitors.instancemonitor.qemu_files import QemuFiles
from masakarimonitors.libvirt.domain_state import (
    PAUSED_CRASHED,
    PAUSED_MIGRATION,
    PAUSED_STARTING_UP,
    DomainState,
    ShutoffReason,
    Suspended,
)
from masakarimonitors.libvirt.uri import own_names
from tests.fixtures.fake_libvirt import FakeError, FakeModule, denied
from tests.fixtures.pidfile import locked

URI = "qemu:///system"
UUID = "11111111-1111-4111-8111-111111111111"


class Domain:
    """As much of a virDomain as is asked."""

    def __init__(self, state: int, reason: int, number: int = -1, *, persistent: bool = True) -> None:
        self._state = state, reason
        self._persistent = persistent
        self._number = number

    def ID(self) -> int:
        return self._number

    def UUIDString(self) -> str:
        return UUID

    def name(self) -> str:
        return "instance-1"

    def state(self) -> tuple[int, int]:
        return self._state

    def isPersistent(self) -> int:
        return int(self._persistent)


@pytest.mark.parametrize(
    ("state", "reason", "power", "why"),
    [
        (DomainState.RUNNING, 1, Power.RUNNING, ShutoffReason.UNKNOWN),
        (DomainState.BLOCKED, 0, Power.RUNNING, ShutoffReason.UNKNOWN),
        (DomainState.PAUSED, 1, Power.PAUSED, ShutoffReason.UNKNOWN),
        (DomainState.PAUSED, PAUSED_CRASHED, Power.PANICKED, ShutoffReason.UNKNOWN),
        (DomainState.PAUSED, PAUSED_STARTING_UP, Power.STARTING, ShutoffReason.UNKNOWN),
        (DomainState.PAUSED, PAUSED_MIGRATION, Power.MIGRATING, ShutoffReason.UNKNOWN),
        (DomainState.RUNNING, PAUSED_CRASHED, Power.RUNNING, ShutoffReason.UNKNOWN),
        (DomainState.SHUTDOWN, 0, Power.PAUSED, ShutoffReason.UNKNOWN),
        (DomainState.SHUTOFF, ShutoffReason.CRASHED, Power.OFF, ShutoffReason.CRASHED),
        (DomainState.SHUTOFF, 99, Power.OFF, ShutoffReason.UNKNOWN),
        (DomainState.CRASHED, 0, Power.PANICKED, ShutoffReason.UNKNOWN),
        (DomainState.PMSUSPENDED, 0, Power.PAUSED, ShutoffReason.UNKNOWN),
        (DomainState.NOSTATE, 0, Power.UNKNOWN, ShutoffReason.UNKNOWN),
        (99, 0, Power.UNKNOWN, ShutoffReason.UNKNOWN),
    ],
)
def test_how_a_domain_stands(state: int, reason: int, power: Power, why: ShutoffReason) -> None:
    found = replace(read(Domain(state, reason), URI, None), halt=None)
    persistent = None if power in (Power.OFF, Power.UNKNOWN) else True
    assert found == Reading(
        instance=Identity(UUID, "instance-1", URI), power=power, reason=why, persistent=persistent
    )


class Restless(Domain):
    """It stands otherwise each time that it is asked; the last answer stays."""

    def __init__(self, *stands: tuple[int, int]) -> None:
        super().__init__(*stands[0])
        self._stands = list(stands)

    def state(self) -> tuple[int, int]:
        return self._stands.pop(0) if len(self._stands) > 1 else self._stands[0]


_OFF, _STARTING = (DomainState.SHUTOFF, 0), (DomainState.PAUSED, PAUSED_STARTING_UP)
_CRASHED = (DomainState.SHUTOFF, ShutoffReason.CRASHED)


@pytest.mark.parametrize(
    ("stands", "power", "why"),
    [
        # Started between the two looks: libvirt forgot why it was off, and its log tells of the start alone.
        ((_OFF, _STARTING), Power.STARTING, ShutoffReason.UNKNOWN),
        ((_OFF, (DomainState.RUNNING, 1)), Power.RUNNING, ShutoffReason.UNKNOWN),
        ((_OFF, _CRASHED), Power.OFF, ShutoffReason.CRASHED),
        ((_OFF, _CRASHED, _OFF, _CRASHED), Power.UNKNOWN, ShutoffReason.UNKNOWN),
        ((_OFF,), Power.OFF, ShutoffReason.UNKNOWN),
    ],
)
def test_what_the_disk_tells_is_of_the_moment_at_which_it_was_off(
    tmp_path: Path, stands: tuple[tuple[int, int], ...], power: Power, why: ShutoffReason
) -> None:
    (tmp_path / "instance-1.log").write_text("2026-11-27 21:16:01.105+0000: starting up libvirt version: 9\n")
    found = read(Restless(*stands), URI, QemuFiles(tmp_path, tmp_path))
    assert (found.power, found.reason) == (power, why)
    assert (found.started > 0) is (power is Power.OFF)


@pytest.mark.parametrize(
    ("state", "reason", "halt"),
    [
        (DomainState.PAUSED, 5, Suspended.IOERROR),
        (DomainState.PAUSED, 6, Suspended.WATCHDOG),
        (DomainState.PAUSED, 2, Suspended.MIGRATED),
        (DomainState.PAUSED, 12, Suspended.POSTCOPY),
        (DomainState.PAUSED, 13, Suspended.POSTCOPY_FAILED),
        (DomainState.PAUSED, 14, Suspended.API_ERROR),
        (DomainState.PAUSED, 1, None),
        (DomainState.RUNNING, 5, None),
        (DomainState.RUNNING, 11, Suspended.POSTCOPY_FAILED),
    ],
)
def test_why_one_stands_still(state: DomainState, reason: int, halt: Suspended | None) -> None:
    assert read(Domain(state, reason), URI, None).halt is halt


@pytest.mark.parametrize("state", [DomainState.RUNNING, DomainState.PAUSED, DomainState.CRASHED])
def test_whether_one_that_is_on_is_kept_when_it_ends(state: DomainState, tmp_path: Path) -> None:
    for files in (None, QemuFiles(tmp_path, tmp_path)):
        assert read(Domain(state, 1, persistent=False), URI, files).persistent is False


def test_the_disk_is_asked_only_about_one_that_is_off(tmp_path: Path) -> None:
    (tmp_path / "instance-1.pid").touch()
    (tmp_path / "instance-1.log").write_text("2026-01-01 00:00:00.000+0000: shutting down, reason=crashed\n")
    files = QemuFiles(tmp_path, tmp_path)
    off = read(Domain(DomainState.SHUTOFF, ShutoffReason.UNKNOWN), URI, files)
    assert (off.process, off.last_words, off.log_read) == (Process.GONE, "crashed", True)
    running = read(Domain(DomainState.RUNNING, 1), URI, files)
    assert (running.process, running.last_words) == (Process.UNSEEN, "")


@pytest.mark.parametrize(
    ("uri", "tell"),
    [
        ("qemu:///system", True),
        ("qemu:///system?socket=/x", True),
        ("qemu:///session", False),
        ("qemu+tcp://compute-2/system", False),
        ("qemu+tls://compute-1/system", True),
        ("qemu+tls://Compute-1:16514/system", True),
        ("qemu+tcp://127.0.0.1/system", True),
        ("qemu+tcp://[::1]/system", True),
        ("qemu+tcp://compute-1.example/system", False),
        ("qemu+tcp://[::1/system", False),
        ("lxc:///system", False),
        ("xen:///system", False),
    ],
)
def test_of_which_libvirt_the_folders_tell(uri: str, tell: bool, tmp_path: Path) -> None:
    files = QemuFiles(tmp_path, tmp_path, own_names("compute-1"))
    assert files_of(uri, files) is (files if tell else None)


def test_events_are_numbered_in_their_order() -> None:
    numbers = EventNumbers()
    assert (numbers.last, numbers.next(), numbers.next(), numbers.last) == (0, 1, 2, 2)


def test_a_life_is_named_by_libvirts_number_and_one_that_is_off_has_none() -> None:
    assert identify(Domain(DomainState.RUNNING, 1, 7), URI).run == 7
    assert identify(Domain(DomainState.SHUTOFF, 1), URI).run == 0


def test_a_log_that_cannot_be_read_is_told_from_one_that_says_nothing(tmp_path: Path) -> None:
    files = QemuFiles(tmp_path, tmp_path)
    assert not read(Domain(DomainState.SHUTOFF, ShutoffReason.UNKNOWN), URI, files).log_read
    (tmp_path / "instance-1.log").touch()
    assert read(Domain(DomainState.SHUTOFF, ShutoffReason.UNKNOWN), URI, files).log_read


def test_a_disk_without_an_end_tells_something_only_when_no_libvirtd_can_still_write_it(
    tmp_path: Path,
) -> None:
    files, instance = QemuFiles(tmp_path, tmp_path), Identity(UUID, "instance-1", URI)
    log = tmp_path / "instance-1.log"
    assert read_traces(instance, None) is None and read_traces(instance, files) is None
    log.write_text("2026-11-22 11:03:11.530+0000: starting up libvirt version: 9.0.0\n")
    (tmp_path / "instance-1.pid").touch()
    with locked(tmp_path / "driver.pid"):
        assert read_traces(instance, files) is None
    traces = read_traces(instance, files)
    assert traces and traces.process is Process.GONE and traces.started and not traces.last_words
    with log.open("a") as file:
        file.write("2026-11-22 11:04:00.000+0000: shutting down, reason=destroyed\n")
    with locked(tmp_path / "driver.pid"):
        traces = read_traces(instance, files)
    assert traces and traces.last_words == "destroyed"


class Telling:
    """A virConnect that tells its capabilities, or does not."""

    def __init__(self, told: str | FakeError) -> None:
        self.told = told

    def getCapabilities(self) -> str:
        if isinstance(self.told, FakeError):
            raise self.told
        return self.told


@pytest.mark.parametrize(
    ("told", "host"),
    [
        (f"<capabilities><host><uuid>{UUID.upper()}</uuid></host></capabilities>", UUID),
        ("<capabilities><host/></capabilities>", ""),
        ("<capabilities", ""),
        (denied(), ""),
    ],
)
def test_what_a_libvirt_calls_its_host(told: str | FakeError, host: str) -> None:
    assert host_of(Telling(told), FakeModule) == host


def test_a_connection_that_breaks_says_nothing_of_its_host() -> None:
    with pytest.raises(FakeError):
        host_of(Telling(FakeError("broken", FakeModule.VIR_ERR_RPC)), FakeModule)


def test_a_life_is_named_by_when_its_qemu_was_begun_too(tmp_path: Path) -> None:
    files, pidfile = QemuFiles(tmp_path, tmp_path), tmp_path / "instance-1.pid"
    running, starting = Domain(DomainState.RUNNING, 1, 7), Domain(DomainState.PAUSED, PAUSED_STARTING_UP, 7)
    assert read(running, URI, files).instance.born == 0, "it cannot be seen"
    pidfile.touch()
    assert read(running, URI, files).instance.born == 0, "it is not written yet"
    pidfile.write_text("4711")
    os.utime(pidfile, ns=(1, 1_795_863_268_369_904_233))
    pidfile.chmod(0)
    for named in (read(running, URI, files).instance, identify(running, URI, files)):
        assert (named.run, named.born) == (7, 1_795_863_268_369_904_233)
    assert read(starting, URI, files).instance.born == 0, "the file may be that of the life before"
    assert read(running, URI, None).instance.born == identify(running, URI).born == 0
    assert identify(Domain(DomainState.SHUTOFF, 1), URI, files).born == 0
