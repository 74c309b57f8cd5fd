"""`masakari-monitors web`: how monitors are asked for it, what is read, and what is explained."""

import asyncio
import contextlib
import datetime
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.cmd.subcommands.services import web
from masakarimonitors.conf import loader
from masakarimonitors.journal.record import JournalRecord, Kind, to_line
from masakarimonitors.status import unix_socket
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record
from masakarimonitors.system.threads import Pool
from masakarimonitors.web.lives import Expected, Life
from masakarimonitors.web.watching import Watch
from tests.fixtures.fake_clock import FakeClock
from tests.unit.cmd.conftest import Configure


@pytest.fixture
def pool() -> Iterator[Pool]:
    with contextlib.closing(Pool("state")) as one:
        yield one


NOW = datetime.datetime(2026, 11, 22, 2, 10, tzinfo=datetime.UTC)


def conf(configure: Configure, more: str = ""):  # type: ignore[no-untyped-def]
    return loader.load(["--config-file", str(configure(more))], prog="masakari-monitors")


async def test_monitors_are_found_where_status_finds_them(configure: Configure, tmp_path: Path) -> None:
    clock = FakeClock()
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    status = MonitorStatus(Record("hostmonitor", clock.now()), tuple, lambda: row)
    ask = web.asker(conf(configure))
    assert ask("hostmonitor", ()).answer is Answer.NONE
    async with unix_socket.serve(status, clock, tmp_path / "state" / "hostmonitor.sock"):
        assert (await asyncio.to_thread(ask, "hostmonitor", ("grid",))).snapshot["grid"] is None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "state" / "hostmonitor.sock"))
    assert ask("hostmonitor", ()).answer is Answer.DEAD


def write(folder: Path, *subjects: str) -> None:
    with (folder / "state" / "processmonitor.journal").open("ab") as file:
        for subject in subjects:
            told = JournalRecord(
                kind=Kind.VERDICT, at=NOW, monitor="processmonitor", subject=subject, ruling="held", why="so"
            )
            file.write(to_line(told))


def test_a_subject_is_explained_as_the_command_does(configure: Configure, tmp_path: Path) -> None:
    loaded = conf(configure)
    write(tmp_path, "process:/usr/bin/x y", "process:17", "host:17")
    for typed in ("process:/usr/bin/x y", "process /usr/bin/x y"):
        told = web.explained(loaded, typed)
        assert told.known and "held: so" in told.first
        assert [title.partition(" (")[0] for title, _ in told.parts] == ["what happened"]
        assert told.parts[0][1][0][1:] == ("processmonitor", "held: so")
    several = web.explained(loaded, "17")
    assert several.choices == ["host:17", "process:17"]
    assert not web.explained(loaded, "host:nobody").known
    assert "explain takes" in web.explained(loaded, "one two three").first


def test_the_folder_for_state_is_where_the_journals_are(configure: Configure, tmp_path: Path) -> None:
    write_to, loaded = tmp_path / "state", conf(configure)
    write(tmp_path, "host:a")
    assert web.folder(loaded) == (write_to, "")


async def test_who_has_left_an_outbox_is_to_run_unless_somebody_says_who_is(
    configure: Configure, tmp_path: Path, pool: Pool
) -> None:
    assert await web.expected(conf(configure), pool) == Expected(frozenset())
    (tmp_path / "state" / "hostmonitor.sqlite").touch()
    assert await web.expected(conf(configure), pool) == Expected(frozenset({"hostmonitor"}))
    named = conf(configure, "[web]\nmonitors = processmonitor\n")
    assert await web.expected(named, pool) == Expected(frozenset({"processmonitor"}))


async def test_where_it_cannot_be_seen_who_has_left_an_outbox_nobody_is_taken_for_absent(
    configure: Configure, tmp_path: Path, pool: Pool
) -> None:
    loaded, state = conf(configure), tmp_path / "state"
    state.rmdir()
    state.symlink_to(state)  # nobody, not even root, can look into it
    known = await web.expected(loaded, pool)
    assert not known.names and f"cannot look into {state}" in known.untold
    loaded.set_override("monitors", ["processmonitor"], "web")
    assert await web.expected(loaded, pool) == Expected(frozenset({"processmonitor"}))


async def test_it_is_looked_again_until_it_is_known_who_is_to_run_here(
    configure: Configure, tmp_path: Path, pool: Pool
) -> None:
    clock, loaded = FakeClock(), conf(configure)
    (tmp_path / "state" / "hostmonitor.sqlite").touch()
    watch = Watch(
        ["hostmonitor"], lambda name, more: Found(name, Answer.NONE), clock, expected=Expected(untold="x")
    )
    assert (await watch.look())[0].life is Life.UNKNOWN
    again = asyncio.get_running_loop().create_task(
        web.look_again(loaded, watch, Expected(untold="x"), clock, pool)
    )
    await clock.advance(60.0)
    await again
    assert (await watch.look())[0].life is Life.MISSING
    watch.close()


def test_what_looks_like_a_secret_is_explained_to_nobody(configure: Configure, tmp_path: Path) -> None:
    """Also where an earlier release has kept it: whoever reaches the port may read it."""
    loaded = conf(configure)
    told = JournalRecord(
        kind=Kind.VERDICT, at=NOW, monitor="processmonitor", subject="process:x", ruling="held", why="WHY"
    )
    line = to_line(told).replace(b"WHY", b"start --password geheim")
    (tmp_path / "state" / "processmonitor.journal").write_bytes(line)
    shown = str(web.explained(loaded, "process:x"))
    assert "geheim" not in shown and "--password ***" in shown
