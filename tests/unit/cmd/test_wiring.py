"""Options become parts: what the API client asks of the network, and a monitor in its place."""

import asyncio
import contextlib
import itertools
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from masakarimonitors import conf
from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.wiring import api_client, ask_again, build_monitor, make_journal, pace_policy, wire
from masakarimonitors.core.decision import (
    NOTHING,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    Woken,
)
from masakarimonitors.core.notification import HostEvent, ProcessNotification, VmNotification
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.daemon import Daemon
from masakarimonitors.journal import writer
from masakarimonitors.journal.reader import read
from masakarimonitors.masakari_answers import Unreachable
from masakarimonitors.masakari_api import MINIMUM_TIMEOUT, LookupFailed, MasakariApi
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.pace import PacePolicy
from masakarimonitors.outbox.rows import Keep
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.recording import reader
from masakarimonitors.recording.recorder import Recorder
from masakarimonitors.status.health import Kind, Level, Sight, View
from masakarimonitors.status.model import MonitorStatus, Record, SubjectRow
from masakarimonitors.system.network.http_exchange import current
from masakarimonitors.system.network.http_session import HttpSession, Unsent
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.fake_engine import HOST, FakeEngine
from tests.fixtures.silences import silence
from tests.fixtures.tape import replay
from tests.fixtures.waiting import PATIENCE
from tests.unit.cmd.conftest import Configure

PASSWORD = """
auth_type = password
auth_url = http://127.0.0.1:9/v3
username = masakari
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""
NONE = """
auth_type = none
endpoint = http://127.0.0.1:9/v1
"""
BODY = '{"notification": {}}'


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request fails as if nobody listened; the list holds how long each would have waited."""
    waited: list[Any] = []

    def request(self: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        waited.append(options.get("timeout"))
        raise requests.exceptions.ConnectionError("nobody listens")

    def ours(self: HttpSession, *_: Any, **options: Any) -> Any:
        exchange = current()
        assert exchange is not None
        waited.append(exchange.seconds)
        raise Unsent("nobody listens")

    monkeypatch.setattr(requests.Session, "request", request)
    monkeypatch.setattr(HttpSession, "request", ours)
    return waited


def client(tmp_path: Path, options: str, endpoint: str | None = None) -> MasakariApi:
    file = tmp_path / "monitors.conf"
    file.write_text(f"[api]{options}")
    return api_client(conf.load(["--config-file", str(file)]), endpoint)


@pytest.mark.parametrize(
    "options",
    [
        PASSWORD,
        NONE,
        PASSWORD + "timeout = 1\n",
        NONE + "timeout = 120\n",
        PASSWORD + "split_loggers = true\n",  # by keystoneauth1
    ],
)
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:9/v1"])
async def test_no_call_waits_for_ever_and_none_gives_up_on_a_slow_answer(
    tmp_path: Path, timeouts: list[Any], options: str, endpoint: str | None
) -> None:
    api = client(tmp_path, options, endpoint)
    try:
        assert isinstance(await api.send(BODY), Unreachable)
    finally:
        api.close()
    assert timeouts
    for timeout in timeouts:
        read = timeout[-1] if isinstance(timeout, tuple) else timeout
        assert read is not None and MINIMUM_TIMEOUT <= read <= 120


class Once:
    """A source that says one thing."""

    name = "once"

    async def run(self, emit: Callable[[str], None]) -> None:
        emit("down")
        await asyncio.Event().wait()


async def test_a_wired_monitor_reports_hears_how_it_ended_and_shows_all_of_it() -> None:
    clock, api, heard, told = FakeClock(), FakeApi(), list[object](), list[str]()
    written: list[str] = []

    def decide(state: int, seen: str | Woken, now: Instant) -> tuple[int, Decision]:
        heard.append(seen)
        if seen != "down":
            return state, NOTHING
        died = ProcessNotification("compute-1", now.wall, HostEvent.STOPPED, "x")
        return state + 1, Decision(
            (Notify(died, "it died"),), (Verdict("process:x", Ruling.REPORTED, "it died"),)
        )

    monitor = Monitor[int, str](
        name="testmonitor",
        state=0,
        decide=decide,
        sources=[Once()],
        settled=lambda report, now: f"{report.subject} {report.status}",
        describe=lambda state: [SubjectRow("process:x", f"reported {state}")],
    )
    outbox = Outbox(MemoryStore(), clock, on_written=written.append)
    await outbox.open()
    wired = wire(
        monitor, outbox, api, DeliveryPolicy(), clock, on_verdict=lambda verdict, at: told.append(verdict.why)
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon)]
        await settle()
        for task in running:
            task.cancel()
    assert heard == ["down", "process:x delivered"]
    assert (told, written) == (["it died"], ["process:x"])
    assert [(row.subject, row.state) for row in wired.status.subjects()] == [("process:x", "reported 1")]
    assert wired.status.outbox().counts["delivered"] == 1
    assert [cause.kind for cause in wired.status.health(clock.now()).causes] == [Kind.UNTOLD, Kind.MEMORY]
    shown = wired.status.snapshot(clock.now())
    assert (wired.name, shown["monitor"]) == ("testmonitor", "testmonitor")
    (known,) = as_list(wired.status.answer(["process:x", "process:y"], clock.now())["explained"])
    assert (known["subject"], known["why"], known["waiting"]) == ("process:x", "reported 1", [])


def as_list(told: Any) -> list[dict[str, Any]]:
    assert isinstance(told, list)
    return told


async def test_a_report_that_waits_is_explained_gate_by_gate_and_kept_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LAST", PATIENCE)  # the end of the journal, on however busy a computer
    clock = FakeClock()
    journal = make_journal(tmp_path, "testmonitor", clock)
    assert journal is not None and make_journal(None, "testmonitor", clock) is None
    outbox = Outbox(MemoryStore(), clock, on_row=journal.row)
    await outbox.open()
    monitor = Monitor[int, str](name="testmonitor", state=0, decide=lambda *_: (0, NOTHING), sources=[])
    wired = wire(monitor, outbox, FakeApi(), DeliveryPolicy(), clock, journal=journal)
    died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "x")
    outbox.submit([Notify(died, "it died")], clock.now())
    (told,) = as_list(wired.status.answer(["process:x"], clock.now())["explained"])
    (waiting,) = told["waiting"]
    assert waiting["report"] == 1 and waiting["why"] == "it died"
    assert [gate["gate"] for gate in waiting["gates"] if gate["passage"] == "holds"] == ["its report is kept"]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, wired.delivery)]
        await settle()
        for task in running:
            task.cancel()
    await journal.close()
    kinds = [one.kind.value for one in read(tmp_path, ["testmonitor"]).records]
    assert kinds == ["made", "sent", "ended", "stopped"]
    assert wired.status.snapshot(clock.now())["journal"] == {
        "where": str(journal.path),
        "lost": 0,
        "fault": "",
    }


@pytest.mark.parametrize(("said", "limit"), [("", 2), ("[callback]\nmax_unfinished = 0\n", 0)])
def test_the_pace_is_what_the_options_say(tmp_path: Path, said: str, limit: int) -> None:
    file = tmp_path / "monitors.conf"
    file.write_text(said)
    assert pace_policy(conf.load(["--config-file", str(file)])).limit == limit


async def test_what_an_earlier_run_left_in_a_broken_file_is_a_part_of_the_health(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "testmonitor.sqlite"
    path.write_bytes(b"no database at all, but something that may have been one" * 100)
    outbox = Outbox(SqliteStore(path), clock)
    await outbox.open()
    monitor = Monitor[int, str](
        name="testmonitor", state=0, decide=lambda *_: (0, NOTHING), sources=[], views=lambda *_: []
    )
    wired = wire(monitor, outbox, FakeApi(), DeliveryPolicy(), clock)
    (cause,) = wired.status.health(clock.now()).causes
    (aside,) = tmp_path.glob("*.broken-*")
    assert cause.kind is Kind.UNREAD and str(aside) in cause.line()
    await outbox.close()


async def test_a_wired_monitor_shows_what_waits_for_masakari_and_what_it_has_given_up() -> None:
    clock = FakeClock()
    engine, outbox = FakeEngine(clock), Outbox(MemoryStore(), clock)
    await outbox.open()
    monitor = Monitor[int, str](
        name="testmonitor", state=0, decide=lambda state, seen, now: (state, NOTHING), sources=[]
    )
    looks = Looks(engine, clock)
    wired = wire(
        monitor, outbox, engine, DeliveryPolicy(), clock, pace=PacePolicy(), looks=looks, reader=engine
    )
    died = [
        VmNotification(
            HOST,
            clock.now().wall,
            event="LIFECYCLE",
            instance_uuid=name,
            vir_domain_event="STOPPED_FAILED",
        )
        for name in "abc"
    ]
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon, wired.follower)
        ]
        outbox.submit([Notify(one, "it died") for one in died], clock.now())
        await clock.advance(20)
        shown = wired.status.outbox()
        assert [(row.subject, row.why) for row in shown.waiting] == [
            ("vm:c", "2 of this host are being recovered")
        ]
        assert (shown.unfinished, shown.overdue) == (2, 0)
        engine.end("failed")
        await clock.advance(20)
        assert wired.status.outbox().waiting == []
        assert [row.subject for row in wired.status.delivered() if row.alarm] == ["vm:a"]
        assert wired.status.outbox().delivered["failed at masakari"] == 1
        for task in running:
            task.cancel()


async def test_what_was_set_aside_at_the_start_is_shown_as_a_fault(tmp_path: Path) -> None:
    path, clock = tmp_path / "outbox.sqlite", FakeClock()
    store = SqliteStore(path)
    store.write([Keep("a", {})])
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE memory SET value = 'no JSON'")
        db.commit()
    outbox = Outbox(SqliteStore(path), clock)
    await outbox.open()
    monitor = Monitor[int, str](
        name="testmonitor", state=0, decide=lambda state, seen, now: (state, NOTHING), sources=[]
    )
    wired = wire(monitor, outbox, FakeEngine(clock), DeliveryPolicy(), clock)
    assert ["'a' cannot be read" in text for _, text in wired.status.record.faults] == [True]
    await outbox.close()


async def test_a_monitor_is_well_only_while_it_sees_keeps_and_can_tell(tmp_path: Path) -> None:
    clock = FakeClock()
    outbox = Outbox(SqliteStore(tmp_path / "outbox.sqlite"), clock)
    await outbox.open()
    reached: list[str | None] = [None]
    monitor: Monitor[int, str] = Monitor(
        name="testmonitor",
        state=0,
        decide=lambda state, seen, now: (state, NOTHING),
        sources=[],
        views=lambda state, now: [View("world", Sight.PROVEN)],
    )
    api = FakeApi()
    wired = wire(monitor, outbox, api, DeliveryPolicy(), clock, reach=lambda: reached[0])
    assert wired.status.health(clock.now()).level is Level.OK
    assert not wired.status.outbox().api_asked
    reached[0] = "GET /segments: 503"
    assert [cause.seen for cause in wired.status.health(clock.now()).causes] == ["GET /segments: 503"]
    reached[0] = ""
    died = ProcessNotification("c", clock.now().wall, event=HostEvent.STOPPED, process_name="x")
    outbox.submit([Notify(died, "it died")], clock.now())
    assert wired.status.health(clock.now()).level is Level.OK
    await clock.advance(121.0)
    assert [cause.kind for cause in wired.status.health(clock.now()).causes] == [Kind.UNDELIVERED]
    await outbox.close()


@contextlib.asynccontextmanager
async def idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], str]
) -> AsyncIterator[tuple[FakeClock, MasakariApi, MonitorStatus, list[float]]]:
    """A monitor that has nothing to report, and the moments at which masakari is asked; `answer`: what is wrong."""
    clock, asked, api = FakeClock(), list[float](), client(tmp_path, NONE)
    outbox = Outbox(SqliteStore(tmp_path / "outbox.sqlite"), clock)
    await outbox.open()
    began = clock.now().monotonic

    async def read(path: str) -> Any:
        assert path == "/segments?limit=1"
        asked.append(clock.now().monotonic - began)
        if why := answer():
            raise LookupFailed(why)

    monkeypatch.setattr(api, "_read", read)
    monitor = Monitor[int, str](
        name="testmonitor",
        state=0,
        decide=lambda state, seen, now: (state, NOTHING),
        sources=[],
        views=lambda state, now: [View("world", Sight.PROVEN)],
    )
    wired = wire(monitor, outbox, api, DeliveryPolicy(), clock, reach=lambda: api.trouble)
    asking = asyncio.get_running_loop().create_task(ask_again(api, clock, random.Random(1)))
    await settle()
    try:
        yield clock, api, wired.status, asked
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await outbox.close()
        api.close()


async def test_who_has_nothing_to_report_learns_all_the_same_that_masakari_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with idle(tmp_path, monkeypatch, lambda: "401") as (clock, _, status, asked):
        assert status.health(clock.now()).level is Level.OK, "nobody has asked"
        await clock.advance(120.0)
        assert [cause.seen for cause in status.health(clock.now()).causes] == ["401"]
        assert len(asked) == 1 and 60.0 <= asked[0] <= 120.0
        await clock.advance(360.0)
        assert len(asked) == 2 and 300.0 <= asked[1] - asked[0] <= 360.0


async def test_an_outage_is_learnt_of_though_nothing_is_to_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = [""]
    async with idle(tmp_path, monkeypatch, lambda: answer[0]) as (clock, _, status, asked):
        await clock.advance(2 * 5220.0)
        assert status.health(clock.now()).level is Level.OK
        answer[0] = "503"
        await clock.advance(5220.0)
        assert [cause.seen for cause in status.health(clock.now()).causes] == ["503"]
        answer[0] = ""
        await clock.advance(361.0)
        assert status.health(clock.now()).level is Level.OK
        assert min(later - before for before, later in itertools.pairwise(asked[2:4])) >= 4500.0


async def test_who_asks_anyway_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with idle(tmp_path, monkeypatch, lambda: "") as (clock, api, _, asked):
        for _ in range(100):
            await api.get("/segments?limit=1")
            await clock.advance(250.0)
        assert len(asked) == 100


async def test_masakari_is_asked_again_while_the_last_call_found_none_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a monitor with nothing to report would call it away for ever."""
    clock, asked = FakeClock(), list[str]()
    api = client(tmp_path, NONE)

    async def get(path: str) -> Any:
        asked.append(path)
        if len(asked) < 2:
            raise RuntimeError("still away")
        api.trouble = ""

    monkeypatch.setattr(api, "get", get)
    asking = asyncio.get_running_loop().create_task(ask_again(api, clock, random.Random(1)))
    await settle()
    api.trouble = ""
    await clock.advance(361.0)
    assert asked == [], "it answered when it was last asked"
    api.trouble = "503"
    await clock.advance(1000.0)
    assert asked == ["/segments?limit=1"] * 2
    assert api.trouble == ""
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    api.close()


def test_the_monitors_of_one_hosts_subjects_have_silences_of_their_own(configure: Configure) -> None:
    options = conf.load(["--config-file", str(configure())])
    now = FakeClock().now()
    one = silence("s1", now.wall, "process:p")
    fresh = build_monitor("processmonitor", options, {}, FakeClock(), FakeApi())
    _, decision = fresh.decide(fresh.state, SilencesSeen([one]), now)
    memory = {c.key: c.value for c in decision.commands if isinstance(c, Remember) and c.value is not None}
    again = build_monitor("processmonitor", options, memory, FakeClock(), FakeApi())
    assert again.silence is not None and again.silences is not None
    assert [kept.silence for kept in again.silences(again.state).holding] == [one]


@pytest.mark.parametrize("name", ["processmonitor", "instancemonitor", "introspectiveinstancemonitor"])
def test_what_a_silenced_monitor_records_can_be_played(
    name: str, configure: Configure, tmp_path: Path
) -> None:
    """As it is wired, with its silences around it, which are no part of what its decision goes by."""
    if name != "processmonitor":
        pytest.importorskip("libvirt", reason="libvirt's Python binding is not installed")
    options = conf.loader.load(["--config-file", str(configure())], default_config_dirs=[])
    made = Recorder(tmp_path / f"{name}.recording", name, "1.0", 1 << 20)
    monitor = build_monitor(name, options, {}, FakeClock(), FakeApi(), made)
    state, now = monitor.state, FakeClock().now()
    for seen in (
        SilencesSeen([silence("s1", now.wall, "process:a")]),
        Woken("x"),
        Woken("silences"),
        Woken("y"),
    ):
        state, _ = monitor.decide(state, seen, now)
    asyncio.run(made.close(PATIENCE))
    kinds = wiring.monitor_module(name).kinds()
    recording = reader.read(reader.files_of(made.path), kinds)
    assert recording.remarks == [], recording.remarks
    (segment,) = recording.segments
    assert [step.seen for step in segment.steps] == [Woken("x"), Woken("y")]
    assert replay(recording, kinds).other == 0
    outbox = Outbox(MemoryStore(), FakeClock())
    daemon = Daemon(replace(monitor, state=state), outbox, FakeClock(), Record(name, now))
    write_down = daemon.whole(now)
    assert write_down is not None
    told: dict[str, Any] = write_down()
    assert kinds.words.read(kinds.state, told["state"]) == segment.begun.state, (
        "nor is it of what is played live"
    )
    assert [one["id"] for one in told["silences"]] == ["s1"]
