"""`masakari-monitors explain`: what is asked for, who is asked, what is read, and each exit code."""

import asyncio
import datetime
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.cmd.subcommands.explain import parse
from masakarimonitors.conf import state_path
from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.explained import Explained, Standing
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.journal.record import JournalRecord, Kind, to_line
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.status import unix_socket
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow
from tests.fixtures.fake_clock import FakeClock
from tests.unit.cmd.conftest import Run

NOW = Instant(0.0, datetime.datetime(2026, 11, 22, 2, 10, tzinfo=datetime.UTC))
UUID = "11111111-1111-4111-8111-111111111111"
Said = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("words", "subjects", "report"),
    [
        (["host:node05"], ["host:node05"], ""),
        (["host", "node05"], ["host:node05"], ""),
        (["instance", UUID], [f"vm:{UUID}"], ""),
        (["instance:" + UUID], [f"vm:{UUID}"], ""),
        (["vm:" + UUID], [f"vm:{UUID}"], ""),
        (["process", "nova-compute"], ["process:nova-compute"], ""),
        (["process:/usr/bin/x"], ["process:/usr/bin/x"], ""),
        (["report", "17"], [], "17"),
        (["17"], ["host:17", "vm:17", "process:17"], "17"),
        (["storm:all"], ["host:storm:all", "vm:storm:all", "process:storm:all", "storm:all"], "storm:all"),
        (["node05"], ["host:node05", "vm:node05", "process:node05"], "node05"),
    ],
)
def test_what_is_asked_for(words: list[str], subjects: list[str], report: str) -> None:
    wanted = parse(words)
    assert wanted is not None
    assert (list(wanted.subjects), wanted.report) == (subjects, report)


@pytest.mark.parametrize("words", [["rack", "7"], ["a", "b", "c"], ["host:"], [""]])
def test_what_makes_no_sense_is_a_wrong_argument(run: Run, words: list[str], capsys: Said) -> None:
    assert parse(words) is None
    assert run("explain", *words) == 2
    assert "explain takes host:NAME" in capsys.readouterr().err


def write(folder: Path, *records: JournalRecord) -> None:
    for record in records:
        with (folder / f"state/{record.monitor}.journal").open("ab") as file:
            file.write(to_line(record))


def of(subject: str, kind: Kind = Kind.VERDICT, **changes: object) -> JournalRecord:
    record = JournalRecord(
        kind=kind, at=NOW.wall, monitor="processmonitor", subject=subject, ruling="held", why="so"
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def monitor(name: str, *explained: Explained) -> MonitorStatus:
    def explain(subject: str, now: Instant, rows: Sequence[SubjectRow]) -> dict[str, JSON] | None:
        return next((one.as_json() for one in explained if one.subject == subject), None)

    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    return MonitorStatus(Record(name, FakeClock().now()), tuple, lambda: row, explain=explain)


def test_nobody_runs_and_nothing_is_left(run: Run, tmp_path: Path, capsys: Said) -> None:
    before = set(tmp_path.rglob("*"))
    assert run("explain", "node05") == 3
    assert "Nothing is known of node05" in capsys.readouterr().err
    assert set(tmp_path.rglob("*")) == before, "nothing is made by looking"


def test_a_journal_without_a_word_of_it_is_nothing_known(run: Run, tmp_path: Path) -> None:
    write(tmp_path, of("process:other"))
    assert run("explain", "node05") == 1


async def test_a_monitor_that_does_not_know_it_is_nothing_known(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "state/hostmonitor.sock"
    async with unix_socket.serve(monitor("hostmonitor"), FakeClock(), path):
        assert await asyncio.to_thread(run, "explain", "node05") == 1


async def test_a_monitor_that_runs_is_asked_and_its_word_is_the_first_line(
    run: Run, tmp_path: Path, capsys: Said
) -> None:
    off = Explained(
        subject="host:node05",
        standing=Standing.OFF,
        why="masakari has it on maintenance",
        since=NOW.wall,
        by_maintenance=True,
    )
    taken = of(
        "process:nova-compute",
        Kind.ENDED,
        type="PROCESS",
        host="node05",
        says="STOPPED nova-compute",
        acted_on=True,
        status="delivered",
        report=4,
    )
    write(tmp_path, taken)
    path = tmp_path / "state/hostmonitor.sock"
    async with unix_socket.serve(monitor("hostmonitor", off), FakeClock(), path):
        assert await asyncio.to_thread(run, "explain", "node05") == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith("HA is off for node05 since ")
        assert first.endswith("UTC: masakari has it on maintenance because nova-compute was reported.")
        assert await asyncio.to_thread(run, "explain", "host", "node05", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["subject"] == "host:node05" and document["first_line"].startswith("HA is off")
    assert document["now"][0]["standing"] == "off"
    assert [one["report"] for one in document["past"]] == [4]


WELL = Explained(subject="host:node05", standing=Standing.WELL, why="it answers")


@pytest.mark.parametrize("dead", [False, True], ids=["none in the folder for state", "a dead one there"])
async def test_one_that_has_its_socket_only_where_everybody_looks_is_asked_there(
    run: Run, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    """It works from memory; or whoever asks may not look into the folder for state."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    if dead:
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(tmp_path / "state/hostmonitor.sock"))
    path = tmp_path / "run/hostmonitor.sock"
    async with unix_socket.serve(monitor("hostmonitor", WELL), FakeClock(), path):
        assert await asyncio.to_thread(run, "explain", "node05") == 0
    said = capsys.readouterr()
    assert said.out.startswith("node05 is well: it answers.") and said.err == ""


async def test_a_configuration_that_cannot_be_used_keeps_nobody_from_asking_who_runs(
    run: Run, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    (tmp_path / "run/hostmonitor").mkdir(parents=True)
    (tmp_path / "monitors.conf").write_text("[DEFAULT\nhostname = x\n")
    assert await asyncio.to_thread(run, "explain", "node05") == 4
    said = capsys.readouterr()
    assert "monitors.conf" in said.err and "Nothing is known of node05" in said.err
    path = tmp_path / "run/hostmonitor/hostmonitor.sock"
    async with unix_socket.serve(monitor("hostmonitor", WELL), FakeClock(), path):
        assert await asyncio.to_thread(run, "explain", "node05") == 0
    said = capsys.readouterr()
    assert said.out.startswith("node05 is well") and "the past is missing here" in said.err


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


async def test_one_that_runs_in_a_closed_folder_is_not_passed_over(
    run: Run, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, short_folder: Path
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    # The kernel's table of sockets shows a short path as it is; of a long one nobody knows.
    state = short_folder
    monkeypatch.setattr(state_path, "search", lambda *a, **k: state_path.Found(state, (state,)))
    async with (
        unix_socket.serve(monitor("hostmonitor", WELL), FakeClock(), tmp_path / "run/hostmonitor.sock"),
        unix_socket.serve(monitor("processmonitor"), FakeClock(), state / "processmonitor.sock"),
    ):
        assert await asyncio.to_thread(run, "explain", "node05") == 0
    said = capsys.readouterr()
    assert said.out.startswith("node05 is well") and "processmonitor runs, and uid" in said.err
    assert "What it knows now is missing here." in said.err and "instancemonitor" not in said.err


def test_one_that_died_has_left_its_journal(run: Run, tmp_path: Path, capsys: Said) -> None:
    write(tmp_path, of("", Kind.STARTED, word="1.0"), of("process:nova-compute", why="it has \x1b[2J ended"))
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "state/processmonitor.sock"))
    assert run("explain", "process", "nova-compute") == 0
    told = capsys.readouterr()
    assert (
        told.out.startswith("No monitor that watches it answers here")
        and "processmonitor is dead" in told.err
    )
    assert "\x1b" not in told.out
    assert "2026-11-22 02:10:00\tprocessmonitor\tthe monitor was started (1.0)" in told.out.splitlines()


@pytest.mark.parametrize("word", ["7", "processmonitor/7", "uuid-1"])
def test_a_report_is_found_by_its_number_and_by_masakaris(
    word: str, run: Run, tmp_path: Path, capsys: Said
) -> None:
    told = ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, "nova-compute")
    row = replace(
        Row.new(7, told, "it is down", NOW),
        status=ReportStatus.DELIVERED,
        answer="202 uuid-1",
        followed="uuid-1",
        updated=NOW.wall,
    )
    store = SqliteStore(tmp_path / "state/processmonitor.sqlite")
    store.write([Put(row)])
    store.close()
    assert run("explain", word) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Report 7 about process:nova-compute is delivered since") and "uuid-1" in first


def test_a_word_that_several_have_is_not_guessed(run: Run, tmp_path: Path, capsys: Said) -> None:
    write(tmp_path, of("process:node05"), of("host:node05"))
    assert run("explain", "node05") == 2
    assert "host:node05, process:node05" in capsys.readouterr().err
    assert run("explain", "host:node05") == 0


def test_a_host_is_one_in_whatever_case_it_is_written(run: Run, tmp_path: Path) -> None:
    write(tmp_path, of("host:node05"), of("host:NODE05"))
    assert run("explain", "host:Node05") == 0


def test_a_process_is_found_by_its_short_name(run: Run, tmp_path: Path) -> None:
    write(tmp_path, of("process:/usr/bin/nova-compute"))
    assert run("explain", "process", "nova-compute") == 0


async def test_one_that_does_not_answer_makes_what_is_not_known_unknown(
    run: Run, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_socket, "PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(tmp_path / "state/hostmonitor.sock"))
        stopped.listen(1)
        assert await asyncio.to_thread(run, "explain", "node05") == 4
        assert "hostmonitor does not answer" in capsys.readouterr().err
        write(tmp_path, of("host:node05"))
        assert await asyncio.to_thread(run, "explain", "node05") == 0, "what is known is told"


def test_a_journal_that_cannot_be_read_is_named(run: Run, tmp_path: Path, capsys: Said) -> None:
    os.mkfifo(tmp_path / "state/hostmonitor.journal")
    assert run("explain", "node05") == 4
    assert "hostmonitor.journal" in capsys.readouterr().err


def test_lines_that_make_no_sense_are_counted(run: Run, tmp_path: Path, capsys: Said) -> None:
    write(tmp_path, of("host:node05"))
    with (tmp_path / "state/processmonitor.journal").open("ab") as file:
        file.write(b'{"kind":"verdict","at":"20')
    assert run("explain", "node05") == 0
    assert "1 lines of the journal make no sense" in capsys.readouterr().err


def test_on_a_terminal_columns_are_lined_up_and_nothing_is_cut(
    run: Run, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write(
        tmp_path, of("process:nova-compute", why="a" * 300), of("process:nova-compute", monitor="hostmonitor")
    )
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run("explain", "process", "nova-compute") == 0
    said = capsys.readouterr().out.splitlines()
    assert "what happened (UTC):" in said and "a" * 300 in said[-2] + said[-1]
    assert {row.index("held: ") for row in said[-2:]} == {len("  2026-11-22 02:10:00  processmonitor  ")}
    assert "\t" not in "".join(said)


async def test_what_a_blind_monitor_does_not_know_is_not_unknown_to_all(
    run: Run, tmp_path: Path, capsys: Said
) -> None:
    blind = replace(
        monitor("hostmonitor"), views=lambda now: [View("link:cluster", Sight.BLIND, "no corosync")]
    )
    async with unix_socket.serve(blind, FakeClock(), tmp_path / "state/hostmonitor.sock"):
        assert await asyncio.to_thread(run, "explain", "host:node05") == 4
        said = capsys.readouterr().err
        assert (
            "hostmonitor cannot tell whether it is to watch it. It is blind: link:cluster: no corosync"
            in said
        )
        assert "not all could be asked or read" in said and "no monitor that runs" not in said
        assert await asyncio.to_thread(run, "explain", "process", "x") == 1, "it watches no process"


async def test_a_journal_in_another_folder_is_told_of(run: Run, tmp_path: Path, capsys: Said) -> None:
    far = replace(
        monitor("hostmonitor", WELL), journal=lambda: {"where": "/srv/hostmonitor.journal", "lost": 0}
    )
    async with unix_socket.serve(far, FakeClock(), tmp_path / "state/hostmonitor.sock"):
        assert await asyncio.to_thread(run, "explain", "node05") == 0
    assert "hostmonitor runs, and keeps its reports in /srv; " in capsys.readouterr().err


async def test_whoever_may_not_look_into_a_folder_is_sent_to_no_other_configuration(
    run: Run, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member of the monitors' group may ask them, and not look into their folder."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    state = tmp_path / "state"
    monkeypatch.setattr(state_path, "search", lambda *a, **k: state_path.Found(state, (state,)))
    told = replace(
        monitor("hostmonitor", WELL), journal=lambda: {"where": f"{state}/hostmonitor.journal", "lost": 0}
    )
    async with unix_socket.serve(told, FakeClock(), tmp_path / "run/hostmonitor.sock"):
        assert await asyncio.to_thread(run, "explain", "node05") == 0
    said = capsys.readouterr()
    assert said.out.startswith("node05 is well")
    assert "may not look into" in said.err and "--config-file" not in said.err
