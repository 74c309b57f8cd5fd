"""The loop: order, supervision, wake-ups, and what reaches the outbox."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import (
    NOTHING,
    Command,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Leave,
    Notification,
    ProcessNotification,
    ReportStatus,
    Settled,
    VmNotification,
)
from masakarimonitors.core.unconfirmed import Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.daemon import DROPPED, Daemon
from masakarimonitors.masakari_answers import Refused
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Keep, Put, Row, Write
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import Record
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle

State = tuple[str, ...]


class Script:
    """A source that emits what a test puts into it, and fails when told to."""

    def __init__(self, name: str = "script") -> None:
        self.name = name
        self.starts = 0
        self.fail = asyncio.Event()
        self.emit: Callable[[Any], None] = lambda observation: None

    async def run(self, emit: Callable[[Any], None]) -> None:
        self.starts += 1
        self.emit = emit
        await self.fail.wait()
        self.fail.clear()
        raise OSError("the socket closed")


class Ask(Command):
    pass


class Answering:
    async def perform(self, command: Command) -> str | None:
        return "answer"


def remember(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
    """Notes everything; 'wake' asks to be woken in 5 s, 'ask' asks a question, 'bug' is a bug."""
    commands: tuple[Command, ...] = ()
    match observation:
        case "bug":
            raise RuntimeError("a bug")
        case "wake":
            commands = (WakeAt("w", now.monotonic + 5),)
        case "sleep":
            commands = (WakeAt("w", None),)
        case "ask":
            commands = (Ask(),)
        case "report":
            died = ProcessNotification("compute-1", now.wall, HostEvent.STOPPED, "x")
            commands = (Notify(died, "it died"), Remember("x", {"reported": True}))
    verdict = Verdict(str(observation), Ruling.ACTED, "seen")
    return (*state, str(observation)), Decision(commands, (verdict,))


@contextlib.asynccontextmanager
async def daemon(source: Script) -> AsyncIterator[tuple[FakeClock, Record, MemoryStore, list[State]]]:
    clock, store, seen = FakeClock(), MemoryStore(), list[State]()
    outbox = Outbox(store, clock)
    await outbox.open()
    record = Record("testmonitor", clock.now())

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        state, decision = remember(state, observation, now)
        seen.append(state)
        return state, decision

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=decide,
        sources=(source,),
        effects=Answering(),
    )
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(outbox.run()),
            tasks.create_task(Daemon(monitor, outbox, clock, record).run()),
        ]
        await settle()
        yield clock, record, store, seen
        for task in running:
            task.cancel()


async def test_observations_are_judged_in_order_and_answers_come_back() -> None:
    source = Script()
    async with daemon(source) as (_, record, _, seen):
        for observation in ("a", "ask", "b"):
            source.emit(observation)
        await settle()
        assert seen[-1] == ("a", "ask", "b", "answer")
        assert [one.verdict.subject for one in record.verdicts] == ["a", "ask", "b", "answer"]


async def test_what_a_decision_reports_and_remembers_is_kept_together() -> None:
    source = Script()
    async with daemon(source) as (_, _, store, _):
        source.emit("report")
        await settle()
        loaded = store.load()
        assert [row.subject for row in loaded.pending] == ["process:x"]
        assert dict(loaded.memory) == {"x": {"reported": True}}


def _ends(state: State) -> Sequence[Remember]:
    if "bug" in state:
        raise RuntimeError("a bug")
    return [Remember("x", None), Remember("last", {"state": list(state)})]


@pytest.mark.parametrize("bug", [False, True])
async def test_what_the_next_life_should_find_is_kept_at_an_end_in_order(bug: bool) -> None:
    clock, store, source = FakeClock(), MemoryStore(), Script()
    outbox = Outbox(store, clock)
    await outbox.open()

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        return remember(state, observation, now) if observation != "bug" else ((*state, "bug"), Decision())

    monitor = Monitor[State, str](
        name="testmonitor", state=(), decide=decide, sources=(source,), at_end=_ends
    )
    daemon = Daemon(monitor, outbox, clock, Record("testmonitor", clock.now()))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, daemon)]
        await settle()
        source.emit("report")
        if bug:
            source.emit("bug")
        await settle()
        for task in running:
            task.cancel()
    await outbox.close()
    kept = {"x": {"reported": True}} if bug else {"last": {"state": ["report"]}}
    assert dict(store.load().memory) == kept


async def test_what_became_of_a_report_comes_back_as_an_observation() -> None:
    clock, source = FakeClock(), Script()
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    seen: list[State] = []

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        state, decision = remember(state, observation, now)
        seen.append(state)
        return state, decision

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=decide,
        sources=(source,),
        settled=lambda report, now: f"{report.subject} {report.status} {report.answer}",
    )
    daemon = Daemon(monitor, outbox, clock, Record("testmonitor", clock.now()))
    delivery = Delivery(outbox, FakeApi(), DeliveryPolicy(), clock, on_settled=daemon.settled)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await settle()
        source.emit("report")
        await settle()
        assert seen[-1] == ("report", "process:x delivered 202")
        for task in running:
            task.cancel()


async def test_a_report_that_was_taken_back_and_never_left_comes_back_as_an_observation() -> None:
    """The decision that takes it back is carried out to its end, and that is seen after it."""
    store = MemoryStore()
    clock, source = FakeClock(), Script()
    outbox = Outbox(store, clock)
    await outbox.open()
    notification = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "x")
    seen: list[object] = []

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        seen.append(observation)
        match observation:
            case "failed":
                return state, Decision((Notify(notification, "it died"),))
            case "back":
                return state, Decision((Withdraw("process:x", "it runs"), Remember("last", {"said": "back"})))
        return state, NOTHING

    def unsent(report: Settled, now: Instant) -> str:
        if len(seen) > 3:
            raise RuntimeError("a bug")
        return f"{report.subject} {report.made_at == notification.generated_time}"

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor", state=(), decide=decide, sources=(source,), unsent=unsent
    )
    daemon = Daemon(monitor, outbox, clock, Record("testmonitor", clock.now()))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, daemon)]
        await settle()
        for word in ("failed", "back"):
            source.emit(word)
            await settle()
        assert seen == ["failed", "back", "process:x True"]
        for word in ("failed", "back"):
            source.emit(word)
            await settle()
        assert seen[3:] == ["failed", "back"] and not outbox.waiting
        for task in running:
            task.cancel()
    await outbox.close()
    assert dict(store.load().memory) == {"last": {"said": "back"}}


class Transactions(MemoryStore):
    """Keeps each of its transactions."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Sequence[Write]] = []

    def write(self, writes: Sequence[Write]) -> None:
        self.made.append(writes)
        super().write(writes)


async def test_the_end_of_a_report_and_what_its_monitor_makes_of_it_are_one_transaction() -> None:
    """Killed between the two, a monitor would wait for ever for the end of what has ended."""
    clock, source, store = FakeClock(), Script(), Transactions()
    outbox = Outbox(store, clock)
    await outbox.open()

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        if observation == "report":
            return remember(state, observation, now)
        return (*state, str(observation)), Decision((Remember("x", {"fate": str(observation)}),))

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=decide,
        sources=(source,),
        settled=lambda report, now: str(report.status),
    )
    daemon = Daemon(monitor, outbox, clock, Record("testmonitor", clock.now()))
    api = FakeApi(lambda notification: Refused("409", "it is on maintenance"))
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock, on_settled=daemon.settled)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await settle()
        source.emit("report")
        # What comes meanwhile is judged later, and does not come in between.
        source.emit("something else")
        await settle()
        ends = [
            [isinstance(write, Keep) and write.value == {"fate": "refused"} for write in made]
            for made in store.made
            if any(isinstance(write, Put) and write.row.status is ReportStatus.REFUSED for write in made)
        ]
        assert ends == [[False, True]]
        for task in running:
            task.cancel()


async def heard(store: MemoryStore, clock: FakeClock, **parts: Any) -> list[str]:
    """What a monitor that is started with that outbox hears of the ends of its reports."""
    outbox = Outbox(store, clock)
    await outbox.open()
    seen: list[str] = []

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        seen.append(str(observation))
        return (*state, str(observation)), Decision()

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=decide,
        sources=(),
        settled=lambda report, now: f"{report.subject} {report.status} {report.answer}",
        **parts,
    )
    daemon = Daemon(monitor, outbox, clock, Record("testmonitor", clock.now()))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, daemon)]
        await settle()
        for task in running:
            task.cancel()
    return seen


async def test_a_monitor_hears_at_its_start_of_the_ends_that_its_last_life_did_not_note() -> None:
    clock, store = FakeClock(), MemoryStore()
    told = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "x")
    ended, later = Row.new(1, told, "", clock.now()), Row.new(3, told, "", clock.now())
    other = ProcessNotification(
        "compute-1", clock.now().wall + datetime.timedelta(hours=1), HostEvent.STOPPED, "x"
    )
    waits = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "y")
    store.write(
        [
            Put(replace(ended, status=ReportStatus.REFUSED, answer="409")),
            Put(
                replace(later, notification=other, made_at=other.generated_time, status=ReportStatus.EXPIRED)
            ),
            Put(Row.new(4, waits, "", clock.now())),
        ]
    )
    ended_as = await heard(
        store,
        clock,
        awaits_ends=lambda state: [(one.subject, one.generated_time) for one in (told, waits)],
    )
    assert ended_as == ["process:x refused 409"]


async def test_a_monitor_hears_that_a_report_of_its_last_life_was_withdrawn() -> None:
    """It would take it for one that waits, and hold others back for it."""
    clock, store = FakeClock(), MemoryStore()
    told = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "x")
    store.write([Put(Row.new(1, told, "", clock.now()))])
    ended_as = await heard(store, clock, judge_unconfirmed=lambda state, report, now: withdraw("it is over"))
    assert ended_as == ["process:x withdrawn it is over"]


async def test_the_monitor_is_asked_by_its_state_of_now_whether_a_report_may_leave() -> None:
    """At the moment in which it would: its own decision may be late, as after a process was stopped."""
    clock, source = FakeClock(), Script()
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    until = clock.now().monotonic + 8.0
    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=remember,
        sources=(source,),
        may_offer=lambda state, told, now: (
            Leave.NOW if state == ("report",) and now.monotonic < until else Leave.LATER
        ),
    )
    daemon = Daemon(monitor, outbox, clock, Record("testmonitor", clock.now()))
    api = FakeApi()
    api.no_token = asyncio.Event()
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock, may_offer=daemon.may_offer)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await settle()
        source.emit("report")
        await settle()
        assert api.waiting == 1
        await clock.advance(8.0)
        api.no_token.set()
        await settle()
        assert api.offers == []
        for task in running:
            task.cancel()


async def test_nothing_leaves_any_more_while_a_monitor_that_stops_hands_over() -> None:
    """Its sources give up by what right it reports, and nobody hears of that; a thread may only now have its token."""
    clock, leaving = FakeClock(), asyncio.Event()
    handed_over = asyncio.Event()

    class Elector(Script):
        async def run(self, emit: Callable[[Any], None]) -> None:
            try:
                await super().run(emit)
            finally:
                leaving.set()
                await handed_over.wait()

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=remember,
        sources=(Elector(),),
        may_offer=lambda state, told, now: Leave.NOW,
    )
    daemon = Daemon(monitor, Outbox(MemoryStore(), clock), clock, Record("testmonitor", clock.now()))
    told = ProcessNotification("node01", clock.now().wall, event=HostEvent.STOPPED, process_name="n")
    row = Row.new(1, told, "", clock.now())
    running = asyncio.get_running_loop().create_task(daemon.run())
    await settle()
    assert daemon.may_offer(row) is Leave.NOW
    running.cancel()
    await leaving.wait()
    assert daemon.may_offer(row) is Leave.LATER
    handed_over.set()
    await asyncio.gather(running, return_exceptions=True)


def test_it_is_asked_about_the_report_as_it_was_made() -> None:
    """Also when it is offered with a later time."""
    clock, asked = FakeClock(), list[Notification]()

    def may_offer(state: State, told: Notification, now: Instant) -> Leave:
        asked.append(told)
        return Leave.LATER

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor", state=(), decide=remember, sources=(), may_offer=may_offer
    )
    daemon = Daemon(monitor, Outbox(MemoryStore(), clock), clock, Record("testmonitor", clock.now()))
    told = ProcessNotification("node01", clock.now().wall, event=HostEvent.STOPPED, process_name="n")
    row = Row.new(1, told, "", clock.now())
    later = Instant(clock.now().monotonic + 60, clock.now().wall + datetime.timedelta(seconds=60))
    assert daemon.may_offer(row.restamped(later)) is Leave.LATER
    assert asked == [told]


async def test_wake_ups_come_at_their_time_and_a_later_one_replaces_an_earlier() -> None:
    source = Script()
    async with daemon(source) as (clock, _, _, seen):
        source.emit("wake")
        await clock.advance(3)
        source.emit("wake")
        await clock.advance(4.9)
        assert list(seen[-1])[2:] == []
        await clock.advance(0.2)
        assert list(seen[-1])[2:] == ["Woken(key='w')"]
        source.emit("wake")
        await settle()
        source.emit("sleep")
        await clock.advance(60)
        assert seen[-1][-1] == "sleep"


async def test_a_source_that_fails_is_started_again_and_shown_as_failed() -> None:
    source = Script()
    async with daemon(source) as (clock, record, _, seen):
        source.fail.set()
        await settle()
        assert record.sources["script"].state == "failed"
        assert "the socket closed" in record.sources["script"].seen
        await clock.advance(1)
        assert (source.starts, record.sources["script"].state) == (2, "running")
        source.emit("after")
        await settle()
        assert seen[-1] == ("after",)


async def test_a_source_whose_own_task_was_cancelled_is_not_silently_gone() -> None:
    class Waits(Script):
        async def run(self, emit: Callable[[Any], None]) -> None:
            self.starts += 1
            await self.fail.wait()
            self.fail.clear()
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone

    source = Waits()
    async with daemon(source) as (clock, record, _, _):
        source.fail.set()
        await settle()
        assert record.sources["script"].state == "failed"
        await clock.advance(1)
        assert (source.starts, record.sources["script"].state) == (2, "running")


async def test_a_source_that_keeps_failing_is_asked_less_and_less_but_for_ever() -> None:
    source = Script()
    async with daemon(source) as (clock, _, _, _):
        for _ in range(600):
            source.fail.set()
            await clock.advance(1)
        assert 12 <= source.starts <= 20


async def test_a_bug_in_a_decision_is_shown_and_the_next_observation_is_judged() -> None:
    source = Script()
    async with daemon(source) as (_, record, _, seen):
        source.emit("bug")
        source.emit("a")
        await settle()
        assert seen[-1] == ("a",)
        assert "a bug" in record.faults[0][1]


@contextlib.asynccontextmanager
async def second_life(
    *left: str, judge: Callable[[State, Unconfirmed], Word] | None = None
) -> AsyncIterator[tuple[FakeClock, Script, FakeApi, Record, Daemon[State, str]]]:
    """A monitor whose last life left a report about each of these processes; its state tells what it judges by."""
    clock, store, source, api = FakeClock(), MemoryStore(), Script(), FakeApi()
    before = Outbox(store, clock)
    await before.open()
    for name in left:
        died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, name)
        before.submit([Notify(died, "it died")], clock.now())
    await before.close()
    outbox = Outbox(store, clock)
    await outbox.open()
    monitor: Monitor[State, str] = Monitor(
        name="testmonitor", state=(), decide=remember, sources=(source,), describe=lambda state: ()
    )
    if judge is not None:
        monitor = replace(monitor, judge_unconfirmed=lambda state, report, now: judge(state, report))
    record = Record("testmonitor", clock.now())
    daemon = Daemon(monitor, outbox, clock, record)
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock, on_settled=daemon.settled)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await settle()
        yield clock, source, api, record, daemon
        for task in running:
            task.cancel()


async def test_each_report_of_the_last_life_waits_for_the_monitors_word_on_it() -> None:
    def judge(state: State, report: Unconfirmed) -> Word:
        words = {"up again": withdraw("it runs"), "still down": confirm("it is down")}
        return words[state[-1]] if state and report.subject == "process:x" else wait("not seen yet")

    for said, offered in (("up again", []), ("still down", ["x"])):
        async with second_life("x", "y", judge=judge) as (clock, source, api, _, daemon):
            await clock.advance(3600)
            assert api.offers == []
            assert [(row.subject, row.alarm) for row in daemon.subjects()] == [
                ("process:x", True),
                ("process:y", True),
            ]
            source.emit(said)
            await settle()
            assert [offer["payload"]["process_name"] for offer in api.offers] == offered
            assert [row.subject for row in daemon.subjects()] == ["process:y"], "it holds up no other"


async def test_one_that_is_forgotten_is_a_failure_that_was_not_told() -> None:
    words = {"process:x": forget("it is watched no more"), "process:y": withdraw("it runs")}
    async with second_life("x", "y", judge=lambda state, report: words[report.subject]) as (*_, daemon):
        (left,) = daemon.unreported(since=0.0)
        assert left.subject == "process:x" and "look whether it was recovered" in left.seen


async def test_what_is_read_late_is_judged_though_nothing_has_changed_since() -> None:
    said = wait("not seen yet")
    async with second_life("x", judge=lambda state, report: said) as (clock, _, api, _, daemon):
        await clock.advance(3600)
        assert api.offers == []
        said = confirm("it is down")
        daemon._outbox.late_news.set()
        await settle()
        assert [offer["payload"]["process_name"] for offer in api.offers] == ["x"]


async def test_who_waits_for_long_is_an_alarm_and_no_time_releases_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with second_life("x") as (clock, _, api, record, daemon):
        await clock.advance(29)
        assert [row.alarm for row in daemon.subjects()] == [False] and not record.verdicts
        await clock.advance(2)
        assert [row.alarm for row in daemon.subjects()] == [True]
        await clock.advance(7200)
        assert api.offers == [] and len(record.verdicts) == 1, "said once"
    (line,) = [entry for entry in caplog.records if "is not sent before it is known to hold" in entry.message]
    assert line.levelname == "WARNING" and "recover it by hand" in line.message


async def test_one_that_waits_for_a_day_is_given_up_with_a_word() -> None:
    async with second_life("x") as (clock, _, api, record, daemon):
        await clock.advance(86401)
        assert api.offers == [] and daemon.subjects() == []
        assert "was expired" in record.faults[0][1]


def _instance(detail: str) -> Notification:
    now = FakeClock().now().wall
    return VmNotification("node01", now, event="LIFECYCLE", instance_uuid="i", vir_domain_event=detail)


def _host(event: HostEvent, host_status: HostStatus) -> Notification:
    now = FakeClock().now().wall
    return HostNotification(
        "node02", now, event=event, cluster_status=ClusterStatus.OFFLINE, host_status=host_status
    )


async def test_a_failure_that_masakari_has_not_taken_stands_until_it_is_over_told_anew_or_old() -> None:
    clock, well = FakeClock(), set[str]()
    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=remember,
        sources=(),
        is_well=lambda state, subject: "it runs" if subject in well else "",
    )
    record = Record("testmonitor", clock.now())
    daemon = Daemon(monitor, Outbox(MemoryStore(), clock), clock, record)
    began = clock.now().monotonic

    def ends(name: str, status: ReportStatus) -> None:
        told = ProcessNotification("node01", clock.now().wall, event=HostEvent.STOPPED, process_name=name)
        daemon.settled(replace(Row.new(1, told, "", clock.now()), status=status, answer="400 no such host"))

    def unreported() -> list[str]:
        return [one.subject for one in daemon.unreported(since=began)]

    for name in ("a", "b", "c"):
        ends(name, ReportStatus.REFUSED)
    ends("d", ReportStatus.EXPIRED)
    ends("e", ReportStatus.WITHDRAWN)
    assert unreported() == [f"process:{name}" for name in "abcd"]
    assert "400 no such host" in daemon.unreported(since=began)[0].seen
    well.add("process:a")
    ends("b", ReportStatus.DELIVERED)
    assert unreported() == ["process:c", "process:d"]
    assert daemon.unreported(since=began + 1) == []
    assert [len(record.faults), len(record.defects)] == [4, 0]


async def test_a_dropped_report_is_a_ruling_and_shown_until_its_subject_is_well_told_anew_or_a_day_has_passed() -> (
    None
):
    clock, well = FakeClock(), set[str]()
    monitor: Monitor[State, str] = Monitor(
        name="testmonitor",
        state=(),
        decide=remember,
        sources=(),
        is_well=lambda state, subject: "it runs" if subject in well else "",
    )
    record = Record("testmonitor", clock.now())
    daemon = Daemon(monitor, Outbox(MemoryStore(), clock), clock, record)

    def shown() -> list[str]:
        return [row.subject for row in daemon.subjects() if row.state == DROPPED]

    for name in ("a", "b", "c"):
        daemon.dropped(
            Verdict(f"process:{name}", Ruling.WITHDRAWN, "uid 0 (root) has dropped it", alarm=True)
        )
    assert [one.verdict.why for one in record.verdicts] == ["uid 0 (root) has dropped it"] * 3
    assert shown() == ["process:a", "process:b", "process:c"]
    assert "it is offered no more" in daemon.subjects()[0].detail
    well.add("process:a")
    told = ProcessNotification("node01", clock.now().wall, event=HostEvent.STOPPED, process_name="b")
    ended = Row.new(1, told, "", clock.now())
    daemon.settled(replace(ended, status=ReportStatus.WITHDRAWN))
    assert shown() == ["process:b", "process:c"]
    daemon.settled(replace(ended, status=ReportStatus.DELIVERED))
    assert shown() == ["process:c"]
    await clock.advance(86401.0)
    assert shown() == []


@pytest.mark.parametrize(
    ("failed", "said", "stands"),
    [
        (_instance("STOPPED_FAILED"), _instance("STOPPED_SHUTDOWN"), True),
        (_instance("STOPPED_FAILED"), _instance("STOPPED_FAILED"), False),
        (_host(HostEvent.STOPPED, HostStatus.NORMAL), _host(HostEvent.STOPPED, HostStatus.UNKNOWN), True),
        (_host(HostEvent.STOPPED, HostStatus.NORMAL), _host(HostEvent.STARTED, HostStatus.NORMAL), False),
    ],
)
async def test_a_failure_that_was_not_told_is_not_told_by_a_word_that_masakari_only_files(
    failed: Notification, said: Notification, stands: bool
) -> None:
    clock = FakeClock()
    monitor: Monitor[State, str] = Monitor(name="testmonitor", state=(), decide=remember, sources=())
    daemon = Daemon(monitor, Outbox(MemoryStore(), clock), clock, Record("testmonitor", clock.now()))
    daemon.settled(replace(Row.new(1, failed, "", clock.now()), status=ReportStatus.EXPIRED))
    daemon.settled(replace(Row.new(2, said, "", clock.now()), status=ReportStatus.DELIVERED))
    left = [one.subject for one in daemon.unreported(since=clock.now().monotonic)]
    assert left == ([failed.subject] if stands else [])


async def test_what_a_monitor_sees_is_by_its_state_of_now_and_a_bug_in_it_is_no_sight() -> None:
    clock, script = FakeClock(), Script()

    def views(state: State, now: Instant) -> list[View]:
        if len(state) > 1:
            raise RuntimeError("a bug")
        return [View("world", Sight.PROVEN if state else Sight.UNKNOWN)]

    monitor: Monitor[State, str] = Monitor(
        name="testmonitor", state=(), decide=remember, sources=(script,), views=views
    )
    daemon = Daemon(monitor, Outbox(MemoryStore(), clock), clock, Record("testmonitor", clock.now()))
    running = asyncio.get_running_loop().create_task(daemon.run())
    await settle()
    assert daemon.views(clock.now()) == [View("world", Sight.UNKNOWN)]
    script.emit("look")
    await settle()
    assert daemon.views(clock.now()) == [View("world", Sight.PROVEN)]
    script.emit("look")
    await settle()
    (view,) = daemon.views(clock.now()) or ()
    assert view.sight is Sight.UNKNOWN and "a bug" in view.why
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (
        Daemon(
            replace(monitor, views=None), Outbox(MemoryStore(), clock), clock, Record("m", clock.now())
        ).views(clock.now())
        is None
    )
