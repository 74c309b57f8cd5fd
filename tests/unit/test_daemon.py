"""The loop: order, supervision, wake-ups, and what reaches the outbox."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from masakarimonitors.daemon import Daemon, Monitor
from masakarimonitors.decisions import (
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
from masakarimonitors.notifications import HostEvent, ProcessNotification
from masakarimonitors.outbox.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.memory import MemoryStore
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.status.board import Board
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
async def daemon(source: Script) -> AsyncIterator[tuple[FakeClock, Board, MemoryStore, list[State]]]:
    clock, store, seen = FakeClock(), MemoryStore(), list[State]()
    outbox = Outbox(store, clock)
    await outbox.open()
    board = Board("testmonitor", clock.now())

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        state, decision = remember(state, observation, now)
        seen.append(state)
        return state, decision

    monitor: Monitor[State, str] = Monitor(
        "testmonitor",
        (),
        decide,
        (source,),
        Answering(),
    )
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(outbox.run()),
            tasks.create_task(Daemon(monitor, outbox, clock, board).run()),
        ]
        await settle()
        yield clock, board, store, seen
        for task in running:
            task.cancel()


async def test_observations_are_judged_in_order_and_answers_come_back() -> None:
    source = Script()
    async with daemon(source) as (_, board, _, seen):
        for observation in ("a", "ask", "b"):
            source.emit(observation)
        await settle()
        assert seen[-1] == ("a", "ask", "b", "answer")
        assert [told.verdict.subject for told in board.verdicts] == ["a", "ask", "b", "answer"]


async def test_what_a_decision_reports_and_remembers_is_kept_together() -> None:
    source = Script()
    async with daemon(source) as (_, _, store, _):
        source.emit("report")
        await settle()
        loaded = store.load()
        assert [row.subject for row in loaded.pending] == ["process:x"]
        assert dict(loaded.memory) == {"x": {"reported": True}}


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
        "testmonitor", (), decide, (source,), settled=lambda row, now: f"{row.subject} {row.status}"
    )
    delivery = Delivery(outbox, FakeApi(), DeliveryPolicy(), clock)
    daemon = Daemon(monitor, outbox, clock, Board("testmonitor", clock.now()))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await settle()
        source.emit("report")
        await settle()
        assert seen[-1] == ("report", "process:x delivered")
        for task in running:
            task.cancel()


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
    async with daemon(source) as (clock, board, _, seen):
        source.fail.set()
        await settle()
        assert board.sources["script"].state == "failed"
        assert "the socket closed" in board.sources["script"].seen
        await clock.advance(1)
        assert (source.starts, board.sources["script"].state) == (2, "running")
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
    async with daemon(source) as (clock, board, _, _):
        source.fail.set()
        await settle()
        assert board.sources["script"].state == "failed"
        await clock.advance(1)
        assert (source.starts, board.sources["script"].state) == (2, "running")


async def test_a_source_that_keeps_failing_is_asked_less_and_less_but_for_ever() -> None:
    source = Script()
    async with daemon(source) as (clock, _, _, _):
        for _ in range(600):
            source.fail.set()
            await clock.advance(1)
        assert 12 <= source.starts <= 20


async def test_a_bug_in_a_decision_is_shown_and_the_next_observation_is_judged() -> None:
    source = Script()
    async with daemon(source) as (_, board, _, seen):
        source.emit("bug")
        source.emit("a")
        await settle()
        assert seen[-1] == ("a",)
        assert "a bug" in board.faults[0][1]


async def test_reports_of_the_last_life_wait_for_a_first_look_and_may_be_withdrawn_by_it() -> None:
    clock, store, source, api = FakeClock(), MemoryStore(), Script(), FakeApi()
    before = Outbox(store, clock)
    await before.open()
    for name in ("up-again", "still-down"):
        died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, name)
        before.submit([Notify(died, "it died")], clock.now())
    await before.close()

    def decide(state: State, observation: str | Woken, now: Instant) -> tuple[State, Decision]:
        return (*state, str(observation)), Decision((Withdraw("process:up-again", "it runs"),))

    outbox = Outbox(store, clock)
    await outbox.open()
    monitor: Monitor[State, str] = Monitor("testmonitor", (), decide, (source,), looked=bool)
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock)
    daemon = Daemon(monitor, outbox, clock, Board("testmonitor", clock.now()))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await clock.advance(5)
        assert api.offers == []
        source.emit("a first look")
        await settle()
        assert [offer["payload"]["process_name"] for offer in api.offers] == ["still-down"]
        for task in running:
            task.cancel()


async def test_a_world_that_cannot_be_looked_at_does_not_hold_a_report_for_ever() -> None:
    clock, store, api = FakeClock(), MemoryStore(), FakeApi()
    before = Outbox(store, clock)
    await before.open()
    died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "x")
    before.submit([Notify(died, "it died")], clock.now())
    await before.close()
    outbox = Outbox(store, clock)
    await outbox.open()
    monitor: Monitor[State, str] = Monitor("testmonitor", (), remember, (Script(),), looked=bool)
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock)
    daemon = Daemon(monitor, outbox, clock, Board("testmonitor", clock.now()))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, daemon)]
        await clock.advance(29)
        assert api.offers == []
        await clock.advance(2)
        assert len(api.offers) == 1
        for task in running:
            task.cancel()
