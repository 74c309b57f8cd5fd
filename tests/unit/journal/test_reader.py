"""Reading the journal: whatever stands in its place, nothing is made, and what can be read is."""

import datetime
import os
from pathlib import Path

import pytest

from masakarimonitors.journal import reader
from masakarimonitors.journal.reader import read
from masakarimonitors.journal.record import JournalRecord, Kind, to_line

NOW = datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC)
MONITORS = ("processmonitor", "hostmonitor")


def line(why: str, at: datetime.datetime = NOW, monitor: str = "hostmonitor") -> bytes:
    return to_line(JournalRecord(kind=Kind.VERDICT, at=at, monitor=monitor, why=why))


def whys(folder: Path) -> list[str]:
    return [one.why for one in read(folder, MONITORS).records]


def test_where_there_is_none_nothing_is_read_and_nothing_made(tmp_path: Path) -> None:
    found = read(tmp_path / "absent", MONITORS)
    assert (found.records, found.found, found.faults) == ([], False, [])
    assert not read(tmp_path, MONITORS).found
    assert list(tmp_path.iterdir()) == []


def test_all_files_of_all_monitors_are_one_story_by_time(tmp_path: Path) -> None:
    (tmp_path / "hostmonitor.journal.2").write_bytes(line("1", NOW - datetime.timedelta(days=2)))
    (tmp_path / "hostmonitor.journal.1").write_bytes(line("2", NOW - datetime.timedelta(days=1)))
    (tmp_path / "hostmonitor.journal").write_bytes(line("4") + line("5"))
    (tmp_path / "processmonitor.journal").write_bytes(
        line("3", NOW - datetime.timedelta(hours=1), "processmonitor")
    )
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert whys(tmp_path) == ["1", "2", "3", "4", "5"]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_is_turned_over_meanwhile_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hostmonitor.journal"
    path.write_bytes(line("1"))
    contents = reader._contents

    def turned(place: Path) -> tuple[tuple[int, int], bytes]:
        found = contents(place)
        if place == path:
            path.rename(tmp_path / "hostmonitor.journal.1")
            path.write_bytes(line("2"))
        return found

    monkeypatch.setattr(reader, "_contents", turned)
    assert whys(tmp_path) == ["1"]


def test_torn_lines_are_counted_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "hostmonitor.journal").write_bytes(
        line("1") + b"{torn\n\xff\n\n" + line("2") + line("3")[:-9]
    )
    found = read(tmp_path, MONITORS)
    assert [one.why for one in found.records] == ["1", "2"] and found.torn == 3


def test_what_names_another_monitor_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "hostmonitor.journal").write_bytes(line("1", monitor="processmonitor"))
    assert read(tmp_path, MONITORS).records == []


@pytest.mark.parametrize("there", ["link", "folder", "pipe"])
def test_what_is_no_file_is_named_and_not_followed(there: str, tmp_path: Path) -> None:
    path, other = tmp_path / "hostmonitor.journal", tmp_path / "other"
    other.write_bytes(line("another's"))
    match there:
        case "link":
            path.symlink_to(other)
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    found = read(tmp_path, MONITORS)
    assert found.records == [] and len(found.faults) == 1 and str(path) in found.faults[0]


def test_of_a_file_that_has_grown_too_large_the_end_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST", 1000)
    (tmp_path / "hostmonitor.journal").write_bytes(b"".join(line(str(number)) for number in range(100)))
    found = whys(tmp_path)
    assert found[-1] == "99" and 1 < len(found) < 20
