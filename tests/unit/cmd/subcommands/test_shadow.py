"""`masakari-monitors shadow`: what shadows would have told beside what others have, running or not."""

import asyncio
import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.agreement import book as agreement
from masakarimonitors.core.agreement import written
from masakarimonitors.core.agreement.book import Book
from masakarimonitors.core.agreement.told import FAILED, Statement
from masakarimonitors.shadow.comparison import write
from masakarimonitors.status import unix_socket
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.unit.cmd.conftest import Configure, Run

SHADOW = "[DEFAULT]\nshadow = true\n"


def compared(*, differ: bool) -> Book:
    book = Book(began=EPOCH, since=EPOCH)
    at = EPOCH + datetime.timedelta(seconds=1000)
    book = agreement.shown(
        book, [Statement(subject="host:node05", sense=FAILED, says="STOPPED", at=at, uuid="u1")], at
    )
    if not differ:
        return agreement.would_send(
            book, Statement(subject="host:node05", sense=FAILED, says="STOPPED", at=at)
        )
    return agreement.judge(book, at + datetime.timedelta(hours=1))


def keep(folder: Path, book: Book, name: str = "hostmonitor") -> Path:
    (folder / "state" / "shadow").mkdir(exist_ok=True)
    path = folder / "state" / "shadow" / f"{name}.agreement"
    write(path, book)
    return path


def test_without_a_shadow_there_is_nothing_to_show(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("shadow") == 2
    assert "[DEFAULT] shadow is not set" in capsys.readouterr().err


def test_nothing_was_compared_yet(
    run: Run, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(SHADOW)
    assert run("shadow") == 3
    assert f"{tmp_path}/state/shadow" in capsys.readouterr().err


def test_of_one_that_does_not_run_what_it_has_kept_is_shown(
    run: Run, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(SHADOW)
    keep(tmp_path, compared(differ=False))
    assert run("shadow") == 0
    assert "hostmonitor\tshadow\t0 pending, 1 both" in capsys.readouterr().out
    keep(tmp_path, compared(differ=True))
    assert run("shadow") == 1
    row = capsys.readouterr().out.splitlines()[-1].split("\t")
    assert row[:4] == ["hostmonitor", "disagreement", "only they", "host:node05"]
    assert row[-1] == "it has ruled nothing about it: it was not seen to fail"
    assert run("shadow", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["monitor"], told["runs"], told["disagreements"][0]["notification"]) == (
        "hostmonitor",
        False,
        "u1",
    )


def test_what_cannot_be_read_is_not_well(
    run: Run, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(SHADOW)
    keep(tmp_path, compared(differ=False))
    keep(tmp_path, compared(differ=False), "processmonitor").write_text("{")
    assert run("shadow") == 4
    said = capsys.readouterr()
    assert "processmonitor: what it has kept cannot be read" in said.err and "1 both" in said.out


def test_who_has_never_read_masakari_agrees_with_nobody(
    run: Run, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(SHADOW)
    never = Book(began=EPOCH, since=EPOCH)
    keep(tmp_path, never)
    assert run("shadow") == 3, "it has found no disagreement because it has not looked"
    keep(tmp_path, compared(differ=False), "processmonitor")
    assert run("shadow") == 4, "one of two has looked"
    keep(tmp_path, compared(differ=False))
    assert run("shadow") == 0
    keep(tmp_path, replace(compared(differ=False), dropped=1))
    assert run("shadow") == 4, "what was too much to compare may differ"
    assert "1 were too many to compare" in capsys.readouterr().out
    keep(tmp_path, compared(differ=True))
    assert run("shadow") == 1


async def test_who_cannot_read_masakari_now_agrees_with_nobody(
    run: Run, configure: Configure, tmp_path: Path
) -> None:
    configure(SHADOW)
    clock = FakeClock()
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    told = written.shown(compared(differ=False), "what others have told masakari cannot be read: away")
    status = MonitorStatus(Record("hostmonitor", clock.now()), tuple, lambda: row, shadow=lambda: told)
    folder = tmp_path / "state" / "shadow"
    folder.mkdir()
    async with unix_socket.serve(status, clock, folder / "hostmonitor.sock"):
        assert await asyncio.to_thread(run, "shadow") == 4


async def test_one_that_runs_is_asked_and_says_what_it_is(
    run: Run, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(SHADOW)
    clock = FakeClock()
    row = OutboxRow(where="/x", pending=0, counts={"would be sent": 1}, disk_fault="", api_trouble="")
    told = written.shown(compared(differ=True), "")
    status = MonitorStatus(Record("hostmonitor", clock.now()), tuple, lambda: row, shadow=lambda: told)
    folder = tmp_path / "state" / "shadow"
    folder.mkdir()
    async with unix_socket.serve(status, clock, folder / "hostmonitor.sock"):
        assert await asyncio.to_thread(run, "shadow", "--json") == 1
        assert json.loads(capsys.readouterr().out)["runs"] is True
        assert await asyncio.to_thread(run, "status") == 1
        said = capsys.readouterr().out
        assert "hostmonitor\thealth\tdegraded\t" in said and "1 would be sent" in said
        assert "hostmonitor\tshadow\tshadow: 0 pending, 0 both, 0 only we, 1 only they" in said
        configure()
        assert await asyncio.to_thread(run, "status") == 3, "a shadow is no monitor of those who act"
