"""The file of what is known of hosts: whole, private to nobody's failure, and never a reason to stop."""

import datetime
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.pacemaker.memory import FILE, HostMemory
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import Farewell, HostRecord

NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC))
RECORDS = {"r1": HostRecord(remote=True, seen_up=True, farewell=Farewell.SAID, crashed=False)}


def later(seconds: float) -> Instant:
    return Instant(NOW.monotonic + seconds, NOW.wall + datetime.timedelta(seconds=seconds))


def memory(folder: Path | None) -> HostMemory:
    return HostMemory(lambda: folder)


def test_what_was_written_is_read_after_a_restart(tmp_path: Path) -> None:
    before = memory(tmp_path)
    assert before.read(NOW) == {}
    before.write(RECORDS, NOW)
    (record,) = memory(tmp_path).read(NOW).values()
    assert (record.remote, record.seen_up, record.farewell) == (True, True, Farewell.SAID)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_it_is_written_only_when_something_in_it_changes(tmp_path: Path) -> None:
    kept = memory(tmp_path)
    kept.read(NOW)
    kept.write(RECORDS, NOW)
    (tmp_path / FILE).unlink()
    kept.write({"r1": HostRecord(remote=True, seen_up=True, farewell=Farewell.SAID, looked_at=NOW)}, NOW)
    assert not (tmp_path / FILE).exists()
    kept.write({}, NOW)
    assert json.loads((tmp_path / FILE).read_text())["hosts"] == {}
    (tmp_path / FILE).unlink()
    kept.write({}, later(59))
    assert not (tmp_path / FILE).exists()
    kept.write({}, later(60))
    assert (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"hosts": 3}', '{"hosts": {"r1": 3}}', "\\xff", pytest.param("[" * 100000, id="nested")],
)
def test_a_broken_file_is_a_first_start(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    kept = memory(tmp_path)
    assert kept.read(NOW) == {}
    kept.write(RECORDS, NOW)
    assert memory(tmp_path).read(NOW).keys() == {"r1"}


def test_without_a_folder_nothing_is_kept() -> None:
    kept = memory(None)
    assert kept.read(NOW) == {}
    kept.write(RECORDS, NOW)


def test_a_folder_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = memory(tmp_path / "gone")
    kept.read(NOW)
    for _ in range(3):
        kept.write(RECORDS, NOW)
    (record,) = caplog.records
    assert "cannot be written" in record.getMessage()


def test_when_it_last_looked_survives_the_restart_by_the_wall_clock(tmp_path: Path) -> None:
    memory(tmp_path).read(NOW)
    before = memory(tmp_path)
    before.read(NOW)
    before.write(RECORDS, NOW)
    reborn = Instant(7.0, later(20).wall)
    assert memory(tmp_path).read(reborn)["r1"].looked_at == Instant(-13.0, NOW.wall)
    set_back = Instant(7.0, later(-20).wall)  # nobody knows how long ago that was
    assert memory(tmp_path).read(set_back)["r1"].looked_at is None


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    victim = tmp_path / "victim"
    victim.write_text('{"hosts": {"r1": {}}}')
    (tmp_path / FILE).symlink_to(victim)
    kept = memory(tmp_path)
    assert kept.read(NOW) == {}
    assert "is not used: it is a symbolic link" in caplog.text
    kept.write(RECORDS, NOW)
    assert victim.read_text() == '{"hosts": {"r1": {}}}'
    assert memory(tmp_path).read(NOW).keys() == {"r1"}


def test_while_one_text_is_being_written_only_the_newest_waits(tmp_path: Path) -> None:
    begun: list[Callable[[], object]] = []
    kept = HostMemory(lambda: tmp_path, begun.append)
    kept.read(NOW)
    kept.write(RECORDS, NOW)
    kept.write({}, later(1))
    kept.write(RECORDS, later(2))
    (work,) = begun
    assert not (tmp_path / FILE).exists()
    work()
    assert memory(tmp_path).read(later(3)).keys() == {"r1"}
    kept.write({}, later(4))
    assert len(begun) == 2


async def test_a_file_that_is_read_in_time_is_what_was_written(tmp_path: Path) -> None:
    before = memory(tmp_path)
    before.read(NOW)
    before.write(RECORDS, NOW)
    assert (await memory(tmp_path).read_in_time(NOW)).keys() == {"r1"}


async def test_a_disk_that_does_not_answer_at_the_start_is_as_if_nothing_were_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    thawed = threading.Event()

    def hang() -> None:
        thawed.wait(60)

    monkeypatch.setattr("masakarimonitors.hostmonitor.drivers.pacemaker.memory._DEADLINE", 0.05)
    try:
        assert await HostMemory(hang).read_in_time(NOW) == {}
    finally:
        thawed.set()
    assert "the disk does not answer" in caplog.text
