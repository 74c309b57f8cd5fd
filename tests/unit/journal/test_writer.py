"""The journal's file: bounded, private, and nobody waits for it."""

import datetime
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.journal import writer
from masakarimonitors.journal.reader import read
from masakarimonitors.journal.record import JournalRecord, Kind, to_line
from masakarimonitors.journal.writer import FULL, KEPT, OLDEST, Journal, JournalFile, numbered
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status.model import VerdictRecord
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.waiting import PATIENCE, eventually

MONITOR = "hostmonitor"


def line(why: str = "x", at: datetime.datetime = EPOCH) -> bytes:
    return to_line(JournalRecord(kind=Kind.VERDICT, at=at, monitor=MONITOR, subject="host:a", why=why))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(writer, "LAST", PATIENCE)  # on however busy a computer
    return Journal(tmp_path / f"{MONITOR}.journal", MONITOR, clock)


def say(journal: Journal, clock: FakeClock, why: str, subject: str = "host:a") -> None:
    journal.verdict(VerdictRecord(clock.now(), Verdict(subject, Ruling.HELD, why)))


def told(folder: Path) -> list[str]:
    return [one.why or one.kind.value for one in read(folder, [MONITOR]).records]


async def test_what_was_told_stands_in_the_file_in_order_and_the_end_is_noted(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    journal.started("1.0")
    for number in range(100):
        say(journal, clock, f"verdict {number}")
    await journal.close()
    assert told(tmp_path) == ["started", *(f"verdict {number}" for number in range(100)), "stopped"]
    assert journal.path.stat().st_mode & 0o777 == 0o600


async def test_a_further_life_goes_on_behind_the_torn_line_of_the_one_that_was_killed(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    say(journal, clock, "of the first life")
    await journal.close()
    with journal.path.open("ab") as file:
        file.write(line("torn")[:-20])
    second = Journal(journal.path, MONITOR, clock)
    say(second, clock, "of the second life")
    await second.close()
    assert told(tmp_path) == ["of the first life", "stopped", "of the second life", "stopped"]
    assert read(tmp_path, [MONITOR]).torn == 1


def test_a_full_file_is_turned_over_and_no_more_than_so_many_are_kept(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / f"{MONITOR}.journal")
    block = [line("x" * 900) for _ in range(FULL // 3000)]
    for number in range(3 * (KEPT + 3)):
        file.append([*block, line(f"block {number}")], EPOCH)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {file.path.name, *(numbered(file.path, n).name for n in range(1, KEPT + 1))}
    assert max(sizes.values()) <= FULL
    kept = [one.why for one in read(tmp_path, [MONITOR]).records if one.why.startswith("block")]
    assert kept[-1] == f"block {3 * (KEPT + 3) - 1}", "the newest are there"
    numbers = [int(one.split()[1]) for one in kept]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "and none is missing among them"


def test_a_week_is_a_file_and_what_is_too_old_goes(tmp_path: Path) -> None:
    path = tmp_path / f"{MONITOR}.journal"
    file, later = JournalFile(path), EPOCH + OLDEST + datetime.timedelta(seconds=1)
    file.append([line("first")], EPOCH)
    file.append([line("soon")], EPOCH + datetime.timedelta(days=1))
    # As in a further life of the monitor: the file itself tells when it began.
    file = JournalFile(path)
    file.append([line("later", later)], later)
    assert numbered(path, 1).read_bytes() == line("first") + line("soon")
    assert path.read_bytes() == line("later", later)
    os.utime(numbered(path, 1), (EPOCH.timestamp(), EPOCH.timestamp()))
    JournalFile(path).append([line("last")], EPOCH + OLDEST * (KEPT + 1) + datetime.timedelta(days=1))
    assert b"first" not in b"".join(one.read_bytes() for one in tmp_path.iterdir())


def test_a_clock_that_is_set_back_turns_nothing_over_and_loses_nothing(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / f"{MONITOR}.journal")
    file.append([line("first")], EPOCH)
    file.append([line("back")], EPOCH - datetime.timedelta(days=900))
    assert told(tmp_path) == ["first", "back"]


@pytest.mark.parametrize("there", ["link", "folder", "pipe", "hard link"])
async def test_what_is_no_file_of_its_own_is_left_alone(
    there: str, journal: Journal, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "precious").write_text("precious")
    match there:
        case "link":
            journal.path.symlink_to(tmp_path / "precious")
        case "folder":
            journal.path.mkdir()
        case "pipe":
            os.mkfifo(journal.path)
        case _:
            journal.path.hardlink_to(tmp_path / "precious")
    say(journal, clock, "one")
    await journal.close()
    assert (tmp_path / "precious").read_text() == "precious"
    assert journal.lost == 2 and journal.fault
    assert caplog.text.count("cannot be written") == 1


class Hanging(JournalFile):
    """A disk that takes nothing before it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.inside = threading.Event()
        self.thawed = threading.Event()
        self.full = False

    def append(self, lines: Sequence[bytes], at: datetime.datetime) -> None:
        self.inside.set()
        assert self.thawed.wait(PATIENCE)
        if self.full:
            raise OSError(28, "No space left on device")
        super().append(lines, at)


async def test_a_disk_that_hangs_loses_what_does_not_fit_and_the_file_says_how_many(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    journal = Journal(journal.path, MONITOR, clock, most=10)
    journal._file = disk = Hanging(journal.path)
    say(journal, clock, "first")
    assert disk.inside.wait(PATIENCE)
    for number in range(25):
        say(journal, clock, f"verdict {number}")  # returns at once: this very thread would hang otherwise
    assert journal.lost == 15
    disk.thawed.set()
    await eventually(lambda: len(told(tmp_path)) == 12, lambda: told(tmp_path))
    assert told(tmp_path) == ["first", "lost", *(f"verdict {number}" for number in range(10))]
    assert [one.count for one in read(tmp_path, [MONITOR]).records if one.kind is Kind.LOST] == [15]


async def test_what_waits_is_bounded_by_its_bytes_too(journal: Journal, clock: FakeClock) -> None:
    journal = Journal(journal.path, MONITOR, clock, most_bytes=1000)
    journal._file = disk = Hanging(journal.path)
    say(journal, clock, "first")
    assert disk.inside.wait(PATIENCE)
    for _ in range(10):
        say(journal, clock, "x" * 900)
    assert journal.lost == 10
    disk.thawed.set()


async def test_a_full_disk_loses_lines_counts_them_and_says_so_once(
    journal: Journal, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    journal._file = disk = Hanging(journal.path)
    disk.full = True
    disk.thawed.set()
    for number in range(3):
        say(journal, clock, f"verdict {number}")
        await eventually(lambda number=number: journal.lost == number + 1, lambda: journal.lost)  # type: ignore[misc]
    assert caplog.text.count("cannot be written") == 1 and "No space left" in journal.fault
    disk.full = False
    say(journal, clock, "again")
    await journal.close()
    assert told(tmp_path) == ["lost", "again", "stopped"]
    assert journal.fault == "" and "is written again" in caplog.text


async def test_the_end_does_not_wait_for_a_disk_that_hangs(
    journal: Journal, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LAST", 0.05)
    journal._file = disk = Hanging(journal.path)
    say(journal, clock, "first")
    await journal.close()
    disk.thawed.set()


async def test_where_no_thread_can_be_started_the_record_is_lost_and_counted(
    journal: Journal, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", refuse)
        say(journal, clock, "one")
    assert journal.lost == 1
    say(journal, clock, "two")
    await journal.close()
    assert told(tmp_path) == ["lost", "two", "stopped"]


async def test_a_report_is_told_once_for_each_of_its_steps_and_forgotten_when_it_has_ended(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    now = clock.now()
    row = Row.new(7, ProcessNotification("a", now.wall, HostEvent.STOPPED, "p"), "it is down", now)
    ended = replace(row, status=ReportStatus.REFUSED, answer="400", attempts=1)
    for one in (row, row, replace(row, attempts=1), ended, ended):
        journal.row(one)
    await journal.close()
    kinds = [one.kind for one in read(tmp_path, [MONITOR]).records]
    assert kinds == [Kind.MADE, Kind.SENT, Kind.ENDED, Kind.STOPPED]
    assert journal._rows == {}


def test_nothing_is_touched_before_there_is_something_to_write(journal: Journal, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
    assert journal.describe() == {"where": str(journal.path), "lost": 0, "fault": ""}
