"""What libvirt's pidfiles and logs prove, and that what cannot be seen proves nothing."""

import datetime
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.instancemonitor.core.observation import Departure, Failed, Process
from masakarimonitors.instancemonitor.qemu_files import Log, QemuFiles
from masakarimonitors.system.processes.pidfile import holder
from tests.fixtures.pidfile import locked

START = "2026-11-22 11:03:11.530+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4\n"
CRASHED = "2026-11-22 11:04:00.000+0000: shutting down, reason=crashed\n"
FAILED = "2026-11-22 11:04:00.000+0000: shutting down, reason=failed\n"
INCOMING = START + "-incoming defer \\\n"
ENDED = datetime.datetime(2026, 11, 22, 11, 4, tzinfo=datetime.UTC).timestamp()
STARTED = datetime.datetime(2026, 11, 22, 11, 3, 11, 530000, tzinfo=datetime.UTC).timestamp()


@pytest.fixture
def files(tmp_path: Path) -> QemuFiles:
    (tmp_path / "pids").mkdir()
    (tmp_path / "logs").mkdir()
    return QemuFiles(tmp_path / "pids", tmp_path / "logs")


def test_a_locked_pidfile_is_a_living_process_and_names_it(files: QemuFiles) -> None:
    pidfile = files.pids / "vm.pid"
    with locked(pidfile) as pid:
        assert files.process("vm") is Process.ALIVE
        assert holder(pidfile) == pid
    assert files.process("vm") is Process.GONE
    assert holder(pidfile) is None


def test_a_missing_pidfile_proves_something_only_where_libvirtd_keeps_its_files(files: QemuFiles) -> None:
    assert files.process("vm") is Process.UNSEEN
    (files.pids / "driver.pid").touch()
    assert files.process("vm") is Process.UNSEEN
    with locked(files.pids / "driver.pid"):
        assert files.process("vm") is Process.GONE


def test_no_folder_proves_nothing(tmp_path: Path) -> None:
    files = QemuFiles(tmp_path / "none", tmp_path / "none")
    assert files.process("vm") is Process.UNSEEN
    assert files.log("vm") is None


@pytest.mark.parametrize(
    ("text", "log"),
    [
        (START + "2026-11-22 11:04:00.000+0000: shutting down, reason=crashed\n", Log("crashed", STARTED)),
        ("2026-11-22 11:04:00.000+0000: shutting down, reason=from snapshot\n", Log("from snapshot")),
        ("2026-11-22 11:00:00.000+0000: shutting down, reason=destroyed\n" + START, Log("", STARTED)),
        (START + "qemu: terminating on signal 15 from pid 1\n", Log("", STARTED)),
        ("nothing of interest\n", Log()),
        # a start that failed is no life; what is told is of the one before it
        (START + CRASHED + START + FAILED, Log("crashed", STARTED, failed=Failed.START)),
        (START + CRASHED + START + FAILED + START + FAILED, Log("crashed", STARTED, failed=Failed.START)),
        (START + FAILED, Log(failed=Failed.START)),
        (CRASHED + START + FAILED, Log("crashed", failed=Failed.START)),
        # what came in and failed is none either, and is told apart from a start
        (START + CRASHED + INCOMING + FAILED, Log("crashed", STARTED, failed=Failed.ARRIVAL)),
        (
            START + CRASHED + INCOMING + FAILED + START + FAILED,
            Log("crashed", STARTED, failed=Failed.ARRIVAL),
        ),
        (INCOMING + FAILED, Log(failed=Failed.ARRIVAL)),
        (INCOMING + CRASHED + START + FAILED, Log("crashed", STARTED, arrived=True, failed=Failed.START)),
        (START + "-incoming defer \\\n" + CRASHED, Log("crashed", STARTED, arrived=True)),
        (START + "-incoming defer \\\n" + FAILED + START + CRASHED, Log("crashed", STARTED)),
        ("", Log()),
    ],
)
def test_the_logs_last_words(files: QemuFiles, text: str, log: Log) -> None:
    (files.logs / "vm.log").write_text(text)
    # Each of these ends at the same time, and none was sent away.
    stayed = Departure.NONE if log.started else Departure.UNTOLD
    assert files.log("vm") == replace(log, ended=ENDED if log.last_words else 0.0, departure=stayed)


DEPARTED = STARTED + 18.47
DEPARTS = "2026-11-22 11:03:30.000+0000: initiating migration\n"


@pytest.mark.parametrize(
    ("text", "departure"),
    [
        (START, Departure.NONE),
        (INCOMING, Departure.NONE),
        (START + DEPARTS, Departure.BEGUN),
        (START + DEPARTS + CRASHED, Departure.BEGUN),
        (START + DEPARTS.replace("initiating", "resuming") + CRASHED, Departure.BEGUN),
        # of the last life alone
        (START + DEPARTS + CRASHED + START + CRASHED, Departure.NONE),
        (START + DEPARTS + CRASHED + START + FAILED, Departure.BEGUN),
        # one whose beginning is cut off may have told of it there
        (CRASHED, Departure.UNTOLD),
        (DEPARTS + CRASHED, Departure.BEGUN),
        (CRASHED + START + FAILED, Departure.UNTOLD),
        ("", Departure.UNTOLD),
    ],
)
def test_whether_a_live_migration_away_was_begun(files: QemuFiles, text: str, departure: Departure) -> None:
    (files.logs / "vm.log").write_text(text)
    log = files.log("vm")
    assert log is not None and log.departure is departure
    assert log.departed == (DEPARTED if departure is Departure.BEGUN else 0.0)


def test_when_the_last_one_was_begun(files: QemuFiles) -> None:
    earlier = DEPARTS.replace("11:03:30", "11:03:20")
    for text, departed in (
        (START + earlier + DEPARTS, DEPARTED),
        (START + "qemu: cut o" + DEPARTS.replace("2026-11-22 ", ""), 0.0),
        (START + "initiating migration\n", 0.0),
    ):
        (files.logs / "vm.log").write_text(text)
        log = files.log("vm")
        assert log is not None and (log.departure, log.departed) == (Departure.BEGUN, departed)


@pytest.mark.parametrize(
    "stamp", ["2026-11-22 11:03:30.000", "2026-11-22", "2026-11-22 25:03:30.000+0000", "\xff"]
)
def test_what_is_no_stamp_of_libvirts_tells_no_time(files: QemuFiles, stamp: str) -> None:
    (files.logs / "vm.log").write_bytes(
        (START + f"{stamp}: shutting down, reason=crashed\n").encode("latin-1")
    )
    log = files.log("vm")
    assert log is not None and (log.last_words, log.ended) == ("crashed", 0.0)


def test_no_module_is_loaded_for_the_time_of_a_death(
    files: QemuFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "_strptime", raising=False)
    (files.logs / "vm.log").write_text(START + CRASHED)
    log = files.log("vm")
    assert log is not None and log.ended > 0
    assert "_strptime" not in sys.modules


def test_only_the_end_of_a_long_log_is_read(files: QemuFiles) -> None:
    noise = "x" * 100 + "\n"
    end = "2026-11-22 11:04:00.000+0000: shutting down, reason=crashed\n"
    (files.logs / "vm.log").write_text(START + noise * 2000 + end)
    assert files.log("vm") == Log("crashed", 0.0, ended=ENDED)


def test_a_log_without_an_end_on_a_disk_without_room_says_nothing(
    files: QemuFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files.logs / "vm.log").write_text(START)
    assert files.log("vm") == Log("", STARTED, departure=Departure.NONE)
    room = os.statvfs(files.logs)
    full = os.statvfs_result([*room[:4], 0, *room[5:]])
    monkeypatch.setattr(os, "fstatvfs", lambda _: full)
    assert files.log("vm") is None
    (files.logs / "vm.log").write_text(START + CRASHED)
    assert files.log("vm") == Log("crashed", STARTED, ended=ENDED), "nor whether it was sent away"
    (files.logs / "vm.log").write_text(START + DEPARTS + CRASHED)
    assert files.log("vm") == Log(
        "crashed", STARTED, ended=ENDED, departure=Departure.BEGUN, departed=DEPARTED
    )


def test_a_log_that_tells_nothing_means_something_only_where_those_of_others_can_be_read(
    files: QemuFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files.pids / "driver.pid").touch()
    assert not files.should_tell("vm"), "a folder without logs is not libvirt's"
    (files.logs / "other.log").write_text(START)
    assert not files.should_tell("vm"), "nor is one beside which no libvirtd lives"
    with locked(files.pids / "driver.pid"):
        assert files.should_tell("vm") and files.should_tell("other")
        for fault, tells in ((PermissionError(), False), (OSError(5, "I/O error"), True)):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", _failing(Path.open, "vm.log", fault))
                assert files.should_tell("vm") is tells


def _failing(opens: Any, name: str, fault: OSError) -> Any:
    def failing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == name:
            raise fault
        return opens(path, *arguments, **options)

    return failing


def test_a_log_that_ends_with_a_block_of_the_disk_may_have_been_cut_off_when_that_was_full(
    files: QemuFiles,
) -> None:
    log, block = files.logs / "vm.log", os.statvfs(files.logs).f_frsize
    end = CRASHED.encode()
    for cut in (0, 6, 42):  # what of libvirt's last line still had room
        text = START.encode()
        text += b"x" * (block - len(text) - cut - 1) + b"\n" + end[:cut]
        assert len(text) == block
        log.write_bytes(text)
        assert files.log("vm") is None
    for more in (-2, 1):
        log.write_bytes(START.encode() + b"x" * (block - len(START) + more - 1) + b"\n")
        assert files.log("vm") == Log("", STARTED, departure=Departure.NONE)
    log.write_bytes(START.encode() + b"x" * (block - len(START) - len(end) - 1) + b"\n" + end)
    assert files.log("vm") == Log("crashed", STARTED, ended=ENDED), "an end is an end"
