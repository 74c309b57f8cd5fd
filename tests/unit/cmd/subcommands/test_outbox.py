"""`masakari-monitors outbox`: the rows of each monitor's file, as they stand on the disk."""

import datetime
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from tests.unit.cmd.conftest import Run

NOW = Instant(0.0, datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC))


def row(number: int, name: str = "nova-compute", why: str = "it is down", **changes: object) -> Row:
    told = ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, name)
    return replace(Row.new(number, told, why, NOW), **changes)  # type: ignore[arg-type]


def write(path: Path, rows: Iterable[Row]) -> None:
    store = SqliteStore(path)
    store.write([Put(one) for one in rows])
    store.close()


def test_each_monitors_reports_are_listed_newest_first_with_their_end_and_reason(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered = row(1, status=ReportStatus.DELIVERED, attempts=2, answer="202 accepted")
    write(tmp_path / "state/processmonitor.sqlite", [delivered, row(2, "[libvirtd]")])
    write(tmp_path / "state/hostmonitor.sqlite", [row(1, why="its storage is down")])
    assert run("outbox") == 0
    lines = capsys.readouterr().out.splitlines()
    reports = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "PROCESS" in line]
    made = "2026-11-22 08:05:00"
    assert reports == [
        ["2", made, "pending", "0", "PROCESS compute-1 STOPPED [libvirtd]", "it is down", ""],
        ["1", made, "delivered", "2", "PROCESS compute-1 STOPPED nova-compute", "it is down", "202 accepted"],
        ["1", made, "pending", "0", "PROCESS compute-1 STOPPED nova-compute", "its storage is down", ""],
    ]


def test_no_more_than_the_newest_are_listed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "state/processmonitor.sqlite", [row(n, f"p{n}") for n in range(1, 6)])
    assert run("outbox", "--limit", "2") == 0
    shown = capsys.readouterr().out
    assert [n for n in range(1, 6) if f"STOPPED p{n}" in shown] == [4, 5]


def test_one_file_may_be_named_and_a_body_that_says_nothing_known_is_shown_as_it_is(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "state/processmonitor.sqlite", [row(1, "not this one")])
    write(tmp_path / "aside", [row(1, body='{"strange": 1}', notification=None)])
    assert run("outbox", "--file", str(tmp_path / "aside")) == 0
    shown = capsys.readouterr().out
    assert '{"strange": 1}' in shown and "not this one" not in shown


def test_no_file_is_nothing_to_list_unless_it_was_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("outbox") == 0
    assert capsys.readouterr().out == ""
    with pytest.raises(ConfigFault, match="There is no file /nowhere"):
        run("outbox", "--file", "/nowhere")


def test_a_file_that_is_no_outbox_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state/processmonitor.sqlite").write_text("no database " * 100)
    with pytest.raises(ConfigFault, match=r"processmonitor\.sqlite cannot be read as an outbox"):
        run("outbox")


def test_it_reads_while_the_monitor_runs_and_changes_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(tmp_path / "state/processmonitor.sqlite")
    try:
        store.write([Put(row(1))])
        assert run("outbox") == 0
        assert "STOPPED nova-compute" in capsys.readouterr().out
        assert store.recent(5) == [row(1)]
    finally:
        store.close()


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
def test_reading_makes_no_file_beside_it(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], killed: bool
) -> None:
    path, aside = tmp_path / "state/processmonitor.sqlite", tmp_path / "aside"
    aside.mkdir()
    store = SqliteStore(path)
    store.write([Put(row(1))])
    for suffix in ("", "-wal") if killed else ():
        (aside / f"a.sqlite{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    store.close()
    if not killed:
        path.rename(aside / "a.sqlite")
    before = sorted(aside.iterdir())
    assert run("outbox", "--file", str(aside / "a.sqlite")) == 0
    assert "STOPPED nova-compute" in capsys.readouterr().out
    assert sorted(aside.iterdir()) == before


@pytest.mark.parametrize("tool", [("outbox",), ("status",), ("check", "--offline")])
def test_reading_tools_make_no_folder(run: Run, tmp_path: Path, tool: tuple[str, ...]) -> None:
    (tmp_path / "state").rmdir()
    run(*tool)
    assert not (tmp_path / "state").exists()


def test_what_a_stranger_wrote_moves_no_cursor(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[2J :warning:"
    write(tmp_path / "state/processmonitor.sqlite", [row(1, hostile, why=hostile, answer=hostile)])
    assert run("outbox") == 0
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable() and said.count(r"\x1b[2J :warning:") == 3
