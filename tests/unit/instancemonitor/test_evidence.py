"""What libvirt's pidfiles and logs prove, and that what cannot be seen proves nothing."""

import datetime
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from masakarimonitors.instancemonitor.evidence import Evidence, Log, holder
from masakarimonitors.instancemonitor.observation import Process

START = "2026-11-22 11:03:11.530+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4\n"
STARTED = datetime.datetime(2026, 11, 22, 11, 3, 11, 530000, tzinfo=datetime.UTC).timestamp()


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """A process that holds the lock on a pidfile, as a QEMU does; its pid."""
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, 2); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    (tmp_path / "pids").mkdir()
    (tmp_path / "logs").mkdir()
    return Evidence(tmp_path / "pids", tmp_path / "logs")


def test_a_locked_pidfile_is_a_living_process_and_names_it(evidence: Evidence) -> None:
    pidfile = evidence.pids / "vm.pid"
    with locked(pidfile) as pid:
        assert evidence.process("vm") is Process.ALIVE
        assert holder(pidfile) == pid
    assert evidence.process("vm") is Process.GONE
    assert holder(pidfile) is None


def test_a_missing_pidfile_proves_something_only_where_libvirtd_keeps_its_files(evidence: Evidence) -> None:
    assert evidence.process("vm") is Process.UNSEEN
    (evidence.pids / "driver.pid").touch()
    assert evidence.process("vm") is Process.UNSEEN
    with locked(evidence.pids / "driver.pid"):
        assert evidence.process("vm") is Process.GONE


def test_no_folder_proves_nothing(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "none", tmp_path / "none")
    assert evidence.process("vm") is Process.UNSEEN
    assert evidence.log("vm") == Log()


@pytest.mark.parametrize(
    ("text", "log"),
    [
        (START + "2026-11-22 11:04:00.000+0000: shutting down, reason=crashed\n", Log("crashed", STARTED)),
        ("2026-11-22 11:04:00.000+0000: shutting down, reason=from snapshot\n", Log("from snapshot")),
        ("2026-11-22 11:00:00.000+0000: shutting down, reason=destroyed\n" + START, Log("", STARTED)),
        (START + "qemu: terminating on signal 15 from pid 1\n", Log("", STARTED)),
        ("nothing of interest\n", Log()),
        ("", Log()),
    ],
)
def test_the_logs_last_words(evidence: Evidence, text: str, log: Log) -> None:
    (evidence.logs / "vm.log").write_text(text)
    assert evidence.log("vm") == log


def test_only_the_end_of_a_long_log_is_read(evidence: Evidence) -> None:
    noise = "x" * 100 + "\n"
    end = "2026-11-22 11:04:00.000+0000: shutting down, reason=crashed\n"
    (evidence.logs / "vm.log").write_text(START + noise * 2000 + end)
    assert evidence.log("vm") == Log("crashed", 0.0)
