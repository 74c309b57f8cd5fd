"""One process with its monitors: what it opens, how it stops, and what becomes of faults."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from masakarimonitors import conf
from masakarimonitors.cmd import runner, wiring
from masakarimonitors.cmd.wiring import NotBuilt, WiredMonitor
from masakarimonitors.conf import ConfigFault, state_path
from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.journal.reader import read
from masakarimonitors.journal.record import Kind
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.status import unix_socket
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.service import loop_watch, systemd
from tests.fixtures.waiting import PATIENCE, eventually
from tests.unit.cmd.conftest import Configure


class Serving:
    """`serve` at work; what it has told."""

    def __init__(self) -> None:
        self.running: Sequence[WiredMonitor] = ()
        self.page = ""
        self.begun = asyncio.Event()
        self.verdicts: list[Ruling] = []
        self.written: list[str] = []

    def started(self, running: Sequence[WiredMonitor], page: str) -> None:
        self.running, self.page = running, page
        self.begun.set()

    @contextlib.asynccontextmanager
    async def at_work(
        self, file: Path, endpoint: str | None = None, names: Sequence[str] = ("processmonitor",)
    ) -> AsyncIterator["Serving"]:
        stop = asyncio.Event()
        loaded = conf.load(["--config-file", str(file)], default_config_dirs=[])
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            tasks.create_task(
                runner.serve(
                    loaded,
                    names,
                    stop=stop,
                    endpoint=endpoint,
                    started=self.started,
                    on_verdict=lambda verdict, at: self.verdicts.append(verdict.ruling),
                    on_written=self.written.append,
                )
            )
            await self.begun.wait()
            yield self
            stop.set()


async def test_a_report_goes_all_the_way_and_whoever_asked_is_told(
    configure: Configure, tmp_path: Path
) -> None:
    file = configure("[process]\nrestart_retries = 0\nrestart_interval = 0\n")
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url, Serving().at_work(file, url) as serving:
        row = await receiver.wait_for(lambda row: True)
        assert row.payload == {"event": "STOPPED", "process_name": "never"}
        assert serving.written == [f"process:{tmp_path}/never"]
        assert Ruling.REPORTED in serving.verdicts


async def test_status_is_there_from_the_start_to_the_stop_and_the_outbox_is_let_go(
    configure: Configure, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with Serving().at_work(configure()) as serving:
        assert [one.name for one in serving.running] == ["processmonitor"]
        assert serving.page == ""
        shown = await asyncio.to_thread(unix_socket.read, state / "processmonitor.sock")
        assert shown["monitor"] == "processmonitor"
    assert not (state / "processmonitor.sock").exists()
    SqliteStore(state / "processmonitor.sqlite").close()


async def test_the_journal_is_closed_after_the_outbox_whose_last_records_it_takes(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Outbox.close

    async def write_the_last(outbox: Outbox) -> None:
        await close(outbox)
        outbox._on_row(row)

    at = SystemClock().now()
    row = Row.new(7, ProcessNotification("a", at.wall, HostEvent.STOPPED, "p"), "its last word", at)
    monkeypatch.setattr(Outbox, "close", write_the_last)
    async with Serving().at_work(configure()):
        pass
    records = read(tmp_path / "state", ["processmonitor"]).records
    assert [one.kind for one in records][-2:] == [Kind.MADE, Kind.STOPPED]
    assert records[-2].why == "its last word"


async def test_a_hangup_has_the_list_read_again(configure: Configure, tmp_path: Path) -> None:
    async with Serving().at_work(configure()) as serving:
        (tmp_path / "list.yaml").write_text(f"- process_name: {tmp_path}/another\n")
        os.kill(os.getpid(), signal.SIGHUP)
        (one,) = serving.running
        wanted = f"process:{tmp_path}/another"
        await eventually(lambda: [row.subject for row in one.status.subjects()] == [wanted], "the new list")


async def test_the_page_is_opened_where_it_was_asked_for(configure: Configure) -> None:
    async with (
        Serving().at_work(configure("[status]\nlisten = 127.0.0.1:0\n")) as serving,
        aiohttp.ClientSession() as http,
        http.get(f"{serving.page}status.json") as answer,
    ):
        assert answer.status == 200 and "processmonitor" in await answer.text()


async def test_a_page_that_cannot_be_had_keeps_nobody_from_watching(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        async with Serving().at_work(configure(f"[status]\nlisten = {place}\n")) as serving:
            assert serving.page == "" and len(serving.running) == 1
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [text for text in errors if f"[status] listen = {place} cannot be had" in text]


async def test_an_outbox_that_another_has_is_a_fault_before_anything_is_watched(
    configure: Configure, tmp_path: Path
) -> None:
    loaded = conf.load(["--config-file", str(configure())], default_config_dirs=[])
    held = SqliteStore(tmp_path / "state" / "processmonitor.sqlite")
    serving = Serving()
    try:
        with pytest.raises(ConfigFault, match=f"in use by process {os.getpid()}"):
            await runner.serve(loaded, ["processmonitor"], stop=asyncio.Event(), started=serving.started)
    finally:
        held.close()
    assert not serving.begun.is_set()


async def test_an_outbox_that_cannot_be_read_at_present_is_a_fault_before_anything_is_watched(
    configure: Configure, tmp_path: Path
) -> None:
    loaded = conf.load(["--config-file", str(configure())], default_config_dirs=[])
    (tmp_path / "state" / "processmonitor.sqlite").mkdir()
    serving = Serving()
    with pytest.raises(ConfigFault, match=r"The outbox cannot be read .* nothing is watched until it can"):
        await runner.serve(loaded, ["processmonitor"], stop=asyncio.Event(), started=serving.started)
    assert not serving.begun.is_set()
    # Nothing was moved away, and nobody holds it any more.
    assert (tmp_path / "state" / "processmonitor.sqlite").is_dir()
    SqliteStore(tmp_path / "state" / "processmonitor.sqlite").close()


async def test_a_monitor_that_is_none_of_this_release_opens_nothing(
    configure: Configure, tmp_path: Path
) -> None:
    loaded = conf.load(["--config-file", str(configure())], default_config_dirs=[])
    with pytest.raises(NotBuilt, match="masakari-receiver is not part of this release"):
        await runner.serve(loaded, ["processmonitor", "receiver"], stop=asyncio.Event())
    assert list((tmp_path / "state").iterdir()) == []


async def test_the_loop_is_watched_from_before_the_start_to_the_end(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    @contextlib.contextmanager
    def watched(limit: float) -> Iterator[None]:
        told.append(limit)
        yield
        told.append("over")

    monkeypatch.setattr(loop_watch, "watched", watched)
    file = configure()
    file.write_text(file.read_text().replace("[process]", "loop_stall_limit = 7\n[process]", 1))
    async with Serving().at_work(file):
        assert told == [7]
    assert told == [7, "over"]


@pytest.fixture
def all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its name, each monitor is one that needs nothing of this computer."""
    module, build = wiring.monitor_module, wiring.build_monitor
    monkeypatch.setattr(wiring, "monitor_module", lambda name: module("processmonitor"))

    def alike(name: str, *more: Any) -> Monitor[Any, Any]:
        return replace(build("processmonitor", *more), name=name)

    monkeypatch.setattr(wiring, "build_monitor", alike)


@pytest.mark.parametrize(
    ("hang", "holds", "chosen"),
    [
        # What cannot be looked into is not taken for empty, nor is what holds the outbox passed over for it.
        ("one", "home", "home"),
        ("home", "one", "one"),
        ("one", "", "one"),
        ("home", "", "home"),
        ("one home", "", None),
    ],
)
async def test_where_a_disk_hangs_a_folder_that_has_the_outbox_wins_and_else_the_one_that_may_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hang: str, holds: str, chosen: str | None
) -> None:
    places = {"one": tmp_path / "one", "home": tmp_path / "home" / "masakarimonitors"}
    monkeypatch.setenv("STATE_DIRECTORY", str(places["one"]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    (tmp_path / "monitors.conf").write_text("[DEFAULT]\n")
    options = conf.load(["--config-file", str(tmp_path / "monitors.conf")], default_config_dirs=[])
    over = threading.Event()

    def held(folder: Path, names: Sequence[str]) -> tuple[state_path.Held, str]:
        if folder in [places[name] for name in hang.split()]:
            over.wait(PATIENCE)
        there = bool(holds) and folder == places[holds]
        return (state_path.Held.YES if there else state_path.Held.NO), ""

    try:
        looked = runner.state_folder(options, ["processmonitor"], held=held, deadline=0.05)
        if chosen is None:
            with pytest.raises(ConfigFault, match="do not answer"):
                await looked
        else:
            assert await looked == places[chosen]
    finally:
        over.set()


async def test_a_disk_that_hangs_is_waited_for_once_and_not_once_for_each_monitor(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, all_alike: None
) -> None:
    """Each of these takes a deadline of its own on a disk that hangs; none ends before all have begun."""
    many = len(wiring.MONITORS)
    made, opened, shown = asyncio.Barrier(many), asyncio.Barrier(many), asyncio.Barrier(many)
    make, take_up, serve = wiring.make_outbox, wiring.open_outbox, unix_socket.serve

    async def make_together(*arguments: Any) -> Outbox:
        await made.wait()
        return await make(*arguments)

    async def open_together(outbox: Outbox) -> None:
        await opened.wait()
        await take_up(outbox)

    @contextlib.asynccontextmanager
    async def serve_together(*arguments: Any, **named: Any) -> AsyncIterator[None]:
        await shown.wait()
        async with serve(*arguments, **named):
            yield

    monkeypatch.setattr(wiring, "make_outbox", make_together)
    monkeypatch.setattr(wiring, "open_outbox", open_together)
    monkeypatch.setattr(unix_socket, "serve", serve_together)
    async with Serving().at_work(configure(), names=wiring.MONITORS) as serving:
        assert [one.name for one in serving.running] == list(wiring.MONITORS)


async def test_of_several_outboxes_none_is_held_any_more_when_one_cannot_be_had(
    configure: Configure, tmp_path: Path, all_alike: None
) -> None:
    loaded = conf.load(["--config-file", str(configure())], default_config_dirs=[])
    held = SqliteStore(tmp_path / "state" / "instancemonitor.sqlite")
    serving = Serving()
    try:
        with pytest.raises(ConfigFault, match=f"in use by process {os.getpid()}"):
            await runner.serve(loaded, wiring.MONITORS, stop=asyncio.Event(), started=serving.started)
    finally:
        held.close()
    assert not serving.begun.is_set()
    for name in wiring.MONITORS:
        SqliteStore(tmp_path / "state" / f"{name}.sqlite").close()


async def test_the_service_manager_is_asked_for_time_before_anything_touches_the_disk(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    resolve = state_path.resolve

    def look(*arguments: Any, **named: Any) -> Path | None:
        said.append("the disk is looked at")
        return resolve(*arguments, **named)

    def hear(message: str) -> bool:
        said.append(message)
        return True

    monkeypatch.setattr(systemd, "notify", hear)
    monkeypatch.setattr(state_path, "resolve", look)
    async with Serving().at_work(configure()):
        assert said[:2] == ["EXTEND_TIMEOUT_USEC=60000000", "the disk is looked at"]
