"""What is read of the journals and outboxes, and read again."""

import datetime
import os
from pathlib import Path

from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.journal.record import JournalRecord, Kind, to_line
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.web import past
from masakarimonitors.web.past import Past
from tests.fixtures.fake_clock import FakeClock

NOW = datetime.datetime(2026, 11, 22, 2, 10, tzinfo=datetime.UTC)
NAME = "processmonitor"


def record(minutes: float, kind: Kind = Kind.VERDICT, subject: str = "process:x") -> JournalRecord:
    at = NOW - datetime.timedelta(minutes=minutes)
    return JournalRecord(kind=kind, at=at, monitor=NAME, subject=subject, ruling="held", why="so")


def write(folder: Path, *records: JournalRecord) -> None:
    with (folder / f"{NAME}.journal").open("ab") as file:
        file.write(b"".join(to_line(one) for one in records))


def test_the_last_day_is_read_and_then_what_is_new(tmp_path: Path) -> None:
    seen = Past([NAME])
    assert seen.read(tmp_path, NOW).events == {NAME: []}
    write(tmp_path, record(1500), record(60), record(50, Kind.SENT))
    assert [one.at for one in seen.read(tmp_path, NOW).events[NAME]] == [record(60).at]
    line = to_line(record(5, subject="process:y"))
    with (tmp_path / f"{NAME}.journal").open("ab") as file:
        file.write(to_line(record(10)) + line[:20])
    assert len(seen.read(tmp_path, NOW).events[NAME]) == 2, "half a line is none"
    with (tmp_path / f"{NAME}.journal").open("ab") as file:
        file.write(line[20:])
    assert [one.subject for one in seen.read(tmp_path, NOW).events[NAME]] == ["process:x"] * 2 + ["process:y"]
    later = NOW + datetime.timedelta(hours=23, minutes=30)
    assert len(seen.read(tmp_path, later).events[NAME]) == 2, "what is older than a day is forgotten"


def test_a_file_that_was_full_is_followed_into_the_next(tmp_path: Path) -> None:
    seen = Past([NAME])
    write(tmp_path, record(60))
    seen.read(tmp_path, NOW)
    os.replace(tmp_path / f"{NAME}.journal", tmp_path / f"{NAME}.journal.1")
    write(tmp_path, record(5))
    told = seen.read(tmp_path, NOW)
    assert [one.at for one in told.events[NAME]] == [record(60).at, record(5).at]
    assert told.faults == []


def test_a_storm_is_bounded_and_the_newest_stay(tmp_path: Path, monkeypatch: object) -> None:
    write(
        tmp_path,
        *(record(600 - number / 10, subject=f"process:{number}") for number in range(past.EVENTS + 5)),
    )
    events = Past([NAME]).read(tmp_path, NOW).events[NAME]
    assert len(events) == past.EVENTS and events[-1].subject == f"process:{past.EVENTS + 4}"


def test_reports_are_read_anew_when_the_file_has_changed(tmp_path: Path) -> None:
    clock, seen = FakeClock(), Past([NAME])
    store = SqliteStore(tmp_path / f"{NAME}.sqlite")

    def put(number: int) -> None:
        told = ProcessNotification(
            hostname="compute-1", generated_time=NOW, event=HostEvent.STOPPED, process_name=f"p{number}"
        )
        store.write([Put(Row.new(number, told, "it is down", clock.now()))])

    put(1)
    assert [row.id for row in seen.read(tmp_path, NOW).reports[NAME]] == [1]
    put(2)
    assert [row.id for row in seen.read(tmp_path, NOW).reports[NAME]] == [2, 1]
    store.close()


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.sqlite").write_text("no database")
    (tmp_path / f"{NAME}.journal").mkdir()
    faults = Past([NAME]).read(tmp_path, NOW).faults
    assert len(faults) == 2 and all(str(tmp_path) in fault for fault in faults)
