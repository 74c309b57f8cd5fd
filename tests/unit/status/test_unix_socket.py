"""The socket beside the outbox: who may ask, and what is answered."""

import asyncio
import functools
import grp
import logging
import os
import resource
import shutil
import socket
import threading
from pathlib import Path

import pytest

from masakarimonitors.status import unix_socket
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow
from masakarimonitors.system.files import run_folder
from tests.fixtures.fake_clock import FakeClock, SteppedClock
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.waiting import PATIENCE, eventually


async def test_the_local_socket_answers_and_is_the_owner_s_alone(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, clock, path):
        assert path.stat().st_mode & 0o077 == 0
        seen = await asyncio.to_thread(unix_socket.read, path)
        assert seen["monitor"] == "hostmonitor"
    assert not path.exists()
    with pytest.raises(OSError):
        unix_socket.read(path)


async def test_a_long_path_hides_no_monitor(status: MonitorStatus, clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / ("far" * 40) / "hostmonitor.sock"
    path.parent.mkdir()
    with pytest.raises(FileNotFoundError):
        unix_socket.read(path)
    async with unix_socket.serve(status, clock, path):
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"


async def test_a_stale_socket_of_a_killed_monitor_is_replaced(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    async with unix_socket.serve(status, clock, path):
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"


async def test_a_removed_socket_is_made_anew(status: MonitorStatus, tmp_path: Path) -> None:
    clock = SteppedClock()
    path = tmp_path / "state" / "hostmonitor.sock"
    path.parent.mkdir()
    async with unix_socket.serve(status, clock, path):
        shutil.rmtree(path.parent)
        await clock.go_on(30, step=30)  # a look at a folder that is not there changes nothing
        path.parent.mkdir()
        await clock.go_on(30, step=30)
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


async def test_what_another_has_put_in_its_place_is_left_there(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, clock, path):
        path.rename(tmp_path / "aside")
        path.write_text("another's")
    assert path.read_text() == "another's"


async def test_what_another_has_put_in_its_place_is_told_once_and_stays(
    status: MonitorStatus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SteppedClock()
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, clock, path):
        path.unlink()
        path.write_text("another's")
        with caplog.at_level(logging.WARNING):
            await clock.go_on(120, step=30)
        (said,) = [one.getMessage() for one in caplog.records]
        assert "an ordinary file stands there" in said and str(path) in said
    assert path.read_text() == "another's"


async def test_a_disk_that_does_not_answer_holds_up_nobody_and_is_tried_again(
    status: MonitorStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock, path, thawed = SteppedClock(), tmp_path / "hostmonitor.sock", threading.Event()
    bind = unix_socket._Place._bind

    def hang(place: unix_socket._Place) -> socket.socket:
        thawed.wait(60)
        return bind(place)

    try:
        with monkeypatch.context() as context:
            context.setattr(unix_socket._Place, "_bind", hang)
            context.setattr(unix_socket, "PATIENCE", 0.05)
            serving = unix_socket.serve(status, clock, path)
            await serving.__aenter__()
        assert not path.exists() and "No socket at" in caplog.text
        thawed.set()
        await clock.go_on(30, step=30)
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"
        await serving.__aexit__(None, None, None)
    finally:
        thawed.set()
    assert not path.exists()


async def test_a_path_that_is_taken_is_told_once_and_had_once_it_is_free(
    status: MonitorStatus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, path = SteppedClock(), tmp_path / "hostmonitor.sock"
    path.write_text("another's")
    async with unix_socket.serve(status, clock, path):
        await clock.go_on(60, step=30)
        (said,) = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
        assert "an ordinary file stands there" in said
        path.unlink()
        await clock.go_on(30, step=30)
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"
    assert not path.exists()


async def test_a_monitor_that_ended_by_a_fault_is_dead_and_not_none(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    with pytest.raises(RuntimeError, match="a fault inside"):
        async with unix_socket.serve(status, clock, path):
            raise RuntimeError("a fault inside")
    with pytest.raises(ConnectionRefusedError):
        unix_socket.read(path)
    async with unix_socket.serve(status, clock, path):  # the next one takes its place
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"
    assert not path.exists()


async def test_a_monitor_that_was_cancelled_was_told_to_end(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "hostmonitor.sock"
    with pytest.raises(asyncio.CancelledError):
        async with unix_socket.serve(status, clock, path):
            raise asyncio.CancelledError
    assert not path.exists()


async def test_without_descriptors_one_line_is_said_and_not_a_hundred(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "hostmonitor.sock"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    loop = asyncio.get_running_loop()
    async with unix_socket.serve(status, clock, path):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.setblocking(False)
            resource.setrlimit(resource.RLIMIT_NOFILE, (caller.fileno() + 1, hard))
            try:
                await loop.sock_connect(caller, str(path))
                await eventually(lambda: caplog.records, "it is said")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert len(caplog.records) == 1 and "out of system resource" in caplog.text
            async with asyncio.timeout(PATIENCE):  # and it is answered as soon as there are descriptors again
                assert b"hostmonitor" in await loop.sock_recv(caller, 65536)


async def test_where_everybody_looks_it_is_for_a_group_and_of_no_warning_when_it_cannot_be(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, group = tmp_path / "run", grp.getgrgid(os.getegid()).gr_name
    path = place / "hostmonitor.sock"
    prepare = functools.partial(run_folder.prepare, place, group)
    async with unix_socket.serve(status, clock, path, prepare=prepare, spare=True):
        assert path.stat().st_mode & 0o777 == 0o660 and path.stat().st_gid == os.getegid()
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "hostmonitor"
    assert not path.exists()
    absent = tmp_path / "no" / "run"
    prepare = functools.partial(run_folder.prepare, absent, group)
    with caplog.at_level(logging.INFO):
        async with unix_socket.serve(status, clock, absent / "x.sock", prepare=prepare, spare=True):
            pass
    (said,) = [one for one in caplog.records if "No socket at" in one.getMessage()]
    assert said.levelno == logging.INFO and "by its folder for state" in said.getMessage()


async def test_another_that_answers_where_everybody_looks_is_a_warning(
    status: MonitorStatus, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "hostmonitor.sock"
    async with unix_socket.serve(status, clock, path), unix_socket.serve(status, clock, path, spare=True):
        pass
    (said,) = [one for one in caplog.records if "No socket at" in one.getMessage()]
    assert said.levelno == logging.WARNING and "each failure is told twice" in said.getMessage()
    assert said.getMessage().count(str(path)) == 1


def much(clock: FakeClock) -> MonitorStatus:
    """More than the kernel keeps for a reader that does not read."""
    rows = [SubjectRow(f"host:{number}", "up", "x" * 1000) for number in range(2000)]
    outbox = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    return MonitorStatus(Record("m", clock.now()), lambda: rows, lambda: outbox)


async def test_readers_who_do_not_read_keep_nobody_out(clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    async with unix_socket.serve(much(clock), clock, path):
        before = open_files()
        never = [await asyncio.open_unix_connection(path, limit=1) for _ in range(3 * unix_socket._MOST)]
        assert (await asyncio.to_thread(unix_socket.read, path))["monitor"] == "m"
        # Theirs and ours: of those that are open, the server has as many as it allows itself.
        assert len(opened_since(before)) <= len(never) + unix_socket._MOST + 1
        for _, writer in never:
            writer.close()


async def test_a_reader_who_does_not_read_is_let_go(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_socket, "PATIENCE", 0.2)
    path = tmp_path / "m.sock"
    async with unix_socket.serve(much(clock), clock, path):
        before = open_files()
        with socket.socket(socket.AF_UNIX) as never:
            never.connect(str(path))
            await eventually(lambda: len(opened_since(before)) == 2, "it is answered")
            await eventually(lambda: len(opened_since(before)) == 1, "it is let go")


async def test_what_cannot_be_shown_keeps_nobody_waiting(
    clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> list[SubjectRow]:
        raise KeyError("a bug in what is only shown")

    outbox = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    status = MonitorStatus(Record("m", clock.now()), broken, lambda: outbox)
    path = tmp_path / "m.sock"
    async with unix_socket.serve(status, clock, path):
        with pytest.raises(ValueError):
            await asyncio.to_thread(unix_socket.read, path)
    assert "could not be told" in caplog.text


def test_who_has_waited_in_line_does_not_wait_as_long_again_for_one_that_hangs() -> None:
    assert [unix_socket.left(5.0, waited) for waited in (0.0, 1.5, 4.9, 7.0)] == [5.0, 3.5, 1.0, 1.0]
    assert unix_socket.left(0.2, 0.1) == 0.2
