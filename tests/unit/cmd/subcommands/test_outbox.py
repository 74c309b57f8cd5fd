"""`masakari-monitors outbox`: the rows of each monitor's file, as they stand on the disk."""

import asyncio
import datetime
import io
import json
import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.cmd.console.tables import Writer
from masakarimonitors.cmd.subcommands import outbox
from masakarimonitors.conf import ConfigFault, log
from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.outbox import control
from masakarimonitors.outbox.by_hand import Act, Asked, Done
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage.reading import read_only
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.status import unix_socket
from tests.fixtures.fake_clock import FakeClock
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
    reports = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    made, one, other = "2026-11-22T08:05:00.000Z", "process:nova-compute", "process:[libvirtd]"
    first, second = "PROCESS compute-1 STOPPED nova-compute", "PROCESS compute-1 STOPPED [libvirtd]"
    assert reports == [
        ["processmonitor/2", made, "pending", "0", other, second, "it is down", ""],
        ["processmonitor/1", made, "delivered", "2", one, first, "it is down", "202 accepted"],
        ["hostmonitor/1", made, "pending", "0", one, first, "its storage is down", ""],
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


def test_an_outbox_that_cannot_be_read_hides_none_of_the_others(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three(tmp_path)
    (tmp_path / "state/processmonitor.sqlite").write_text("no database" * 100)
    assert run("outbox") == 4
    said = capsys.readouterr()
    assert "instancemonitor/3" in said.out
    assert "processmonitor.sqlite cannot be read as an outbox" in said.err


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
    assert said.replace("\n", "").replace("\t", "").isprintable() and said.count(r"\x1b[2J :warning:") == 4


def three(tmp_path: Path) -> None:
    ended = row(1, "a", status=ReportStatus.DELIVERED, answer="202 accepted", updated=NOW.wall)
    write(tmp_path / "state/processmonitor.sqlite", [ended, row(2, "b"), row(3, "ab", in_doubt=True)])
    write(tmp_path / "state/instancemonitor.sqlite", [row(3, "c")])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--monitor", "instancemonitor"], ["instancemonitor/3"]),
        (["--state", "pending"], ["processmonitor/3", "processmonitor/2", "instancemonitor/3"]),
        (["--subject", "A"], ["processmonitor/3", "processmonitor/1"]),
        (["--subject", "a", "--limit", "1"], ["processmonitor/3"]),
        (["--state", "refused"], []),
    ],
)
def test_what_is_asked_for_is_listed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], found: list[str]
) -> None:
    three(tmp_path)
    assert run("outbox", "list", *words) == 0
    plain = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert run("outbox", "list", "--json", *words) == 0
    as_json = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert plain == as_json == found


def test_one_report_is_shown_whole(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three(tmp_path)
    for name in ("processmonitor/1", "1"):
        assert run("outbox", "show", name) == 0
        told = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
        assert (told["id"], told["status"], told["answer"]) == (
            "processmonitor/1",
            "delivered",
            "202 accepted",
        )
        assert told["made"] == "2026-11-22T08:05:00.000Z"
    assert run("outbox", "show", "--json", "processmonitor/3") == 0
    assert json.loads(capsys.readouterr().out)["in_doubt"] is True


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("3", "Several monitors have a report 3: name one of processmonitor/3, instancemonitor/3"),
        ("9", "There is no report 9"),
        ("hostmonitor/1", "There is no report hostmonitor/1"),
        ("weathermonitor/1", "is no report's id"),
        ("first", "is no report's id"),
    ],
)
def test_a_report_that_is_not_there_is_named(run: Run, tmp_path: Path, name: str, words: str) -> None:
    three(tmp_path)
    for act in ("show", "retry", "drop"):
        with pytest.raises(ConfigFault, match=words):
            run("outbox", act, name)


def test_what_has_ended_is_neither_retried_nor_dropped(run: Run, tmp_path: Path) -> None:
    three(tmp_path)
    for act in ("retry", "drop"):
        with pytest.raises(ConfigFault, match=r"does not wait any more: it is delivered \(202 accepted\)"):
            run("outbox", act, "processmonitor/1")


async def test_the_running_monitor_does_it_and_says_what_is_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three(tmp_path)
    asked: list[Asked] = []

    async def do(one: Asked) -> Done:
        asked.append(one)
        return Done(one.act is Act.DROP, f"{one.act.value}: so it is")

    path = tmp_path / "state/processmonitor.control"
    async with control.serve(do, FakeClock(), path):
        assert await asyncio.to_thread(run, "outbox", "retry", "processmonitor/2") == 1
        assert capsys.readouterr().err == "retry: so it is\n"
        words = ("drop", "2", "--yes", "--reason", "scrapped")
        assert await asyncio.to_thread(run, "outbox", *words) == 0
        assert capsys.readouterr().out == "drop: so it is\n"
        about = {"monitor": "processmonitor", "report": "processmonitor/2", "subject": "process:b"}
        for act, code in (("retry", 1), ("drop", 0)):
            yes = ["--yes"] if act == "drop" else []
            assert await asyncio.to_thread(run, "outbox", act, "2", "--json", *yes) == code
            told = capsys.readouterr()
            done = {**about, "done": code == 0, "said": f"{act}: so it is"}
            assert json.loads(told.out) == done and told.err == ""
    assert [(one.act, one.row, one.why) for one in asked] == [
        (Act.RETRY, 2, ""),
        (Act.DROP, 2, "scrapped"),
    ] + [(act, 2, "") for act in (Act.RETRY, Act.DROP)]


def test_without_a_monitor_nothing_can_be_offered(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three(tmp_path)
    assert run("outbox", "retry", "processmonitor/2") == 3
    assert "processmonitor does not run here" in capsys.readouterr().err
    assert run("outbox", "retry", "processmonitor/2", "--json") == 3
    assert json.loads(capsys.readouterr().out)["done"] is False


def test_without_a_monitor_a_report_is_dropped_in_its_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(log, "set_up", lambda conf: None)
    monkeypatch.setattr(outbox.LOG, "warning", lambda words, *values, extra: logged.append(words % values))
    three(tmp_path)
    assert run("outbox", "drop", "processmonitor/2", "--yes", "--reason", "scrapped") == 0
    assert "is dropped" in capsys.readouterr().out
    kept = {one.id: one for one in read_only(tmp_path / "state/processmonitor.sqlite", 10)}
    assert kept[2].status is ReportStatus.WITHDRAWN and kept[3].status is ReportStatus.PENDING
    who = f"uid {os.getuid()}"
    assert who in kept[2].answer and "scrapped" in kept[2].answer
    assert logged and who in logged[0] and "process:b" in logged[0]
    assert run("outbox", "drop", "processmonitor/3", "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["done"] is True and "may have arrived" in told["said"], "an answer was lost"


def test_an_outbox_that_somebody_else_writes_is_left_alone(run: Run, tmp_path: Path) -> None:
    """A monitor runs and has no such socket: one of an earlier release, or on a disk that was full."""
    three(tmp_path)
    store = SqliteStore(tmp_path / "state/processmonitor.sqlite")
    try:
        with pytest.raises(ConfigFault, match=r"Nothing is dropped: .* is in use by process"):
            run("outbox", "drop", "processmonitor/2", "--yes")
    finally:
        store.close()


def test_a_monitor_that_hangs_is_not_dropped_from_under(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unix_socket, "PATIENCE", 0.2)
    three(tmp_path)
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "state/processmonitor.control"))
        hung.listen(1)
        for act in ("retry", "drop"):
            yes = ["--yes"] if act == "drop" else []
            assert run("outbox", act, "processmonitor/2", *yes) == 4
            said = capsys.readouterr().err
            assert "does not answer" in said and "may do what was asked once it goes on" in said
            assert run("outbox", act, "processmonitor/2", "--json", *yes) == 4
            assert json.loads(capsys.readouterr().out)["done"] is None, "nobody knows"


@pytest.mark.parametrize(
    ("typed", "dropped"), [("drop\n", True), ("yes\n", False), ("", False), (None, False)]
)
def test_nothing_is_dropped_that_nobody_has_confirmed(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str | None,
    dropped: bool,
) -> None:
    class Stdin(io.StringIO):
        def isatty(self) -> bool:
            return typed is not None

    monkeypatch.setattr(log, "set_up", lambda conf: None)
    monkeypatch.setattr(sys, "stdin", Stdin("drop\n" if typed is None else typed))
    three(tmp_path)
    assert run("outbox", "drop", "processmonitor/2") == (0 if dropped else 1)
    said = capsys.readouterr()
    assert "nobody recovers because of it" in said.err
    if not dropped:
        assert "Nothing is dropped." in said.err
    if typed is None:
        assert "say --yes" in said.err
    kept = {one.id: one.status for one in read_only(tmp_path / "state/processmonitor.sqlite", 10)}
    assert (kept[2] is ReportStatus.WITHDRAWN) is dropped


def test_a_terminal_gets_each_monitor_s_reports_under_its_name(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "Writer", lambda: Writer(width=80))
    name = "8b0f3d1e-6c1b-4d07-9b0e-0f8a3f1f2c11"
    write(tmp_path / "state/processmonitor.sqlite", [row(1, name)])
    assert run("outbox") == 0
    said = capsys.readouterr().out
    assert f"processmonitor ({tmp_path}/state/processmonitor.sqlite)" in said.replace("\n", "")
    assert f"process:{name}" in said and "2026-11-22 08:05:00 UTC" in said


@pytest.mark.parametrize(
    ("outbox", "said"),
    [
        ({"where": "/srv/processmonitor.sqlite"}, "processmonitor runs, and keeps its reports in /srv; this"),
        ({"where": "memory"}, "processmonitor runs, and keeps its reports in memory"),
        ({"disk_fault": "no room"}, "what its file does not take in memory alone (no room)"),
        ({}, ""),
    ],
)
async def test_what_a_monitor_has_that_its_file_has_not_is_not_passed_over(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], outbox: dict[str, str], said: str
) -> None:
    path = tmp_path / "state/processmonitor.sqlite"
    write(path, [row(1)])
    shown = {"monitor": "processmonitor", "outbox": {"where": str(path), **outbox}}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(shown).encode())
        writer.close()

    async with await asyncio.start_unix_server(answer, tmp_path / "state/processmonitor.sock"):
        assert await asyncio.to_thread(run, "outbox") == (4 if said else 0)
        assert said in capsys.readouterr().err
        with pytest.raises(ConfigFault) as fault:
            await asyncio.to_thread(run, "outbox", "show", "processmonitor/2")
    assert str(fault.value).startswith("There is no report processmonitor/2")
    assert said in str(fault.value)


def test_of_none_it_is_said_to_people_that_there_is_none(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "Writer", lambda: Writer(sys.stdout, 80))
    assert run("outbox") == 0
    assert capsys.readouterr().out == "No report is listed.\n"
    assert run("outbox", "--state", "refused") == 0
    assert capsys.readouterr().out == "No report is as was asked for.\n"


def test_more_than_any_file_can_have_is_all_of_it(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "state/processmonitor.sqlite", [row(1)])
    assert run("outbox", "--json", "--limit", str(1 << 70)) == 0
    assert json.loads(capsys.readouterr().out)["number"] == 1
