"""Reports about instances leave at the pace of masakari's engine: played against an engine that a test ends by hand."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Command, Notify, Withdraw
from masakarimonitors.core.notification import Leave, ReportStatus, VmNotification
from masakarimonitors.masakari_answers import Duplicate, Outcome, Unreachable
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.follow_through.follower import Follower
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.pace import Hold, PacePolicy
from masakarimonitors.outbox.pace.pacing import Pacing
from masakarimonitors.outbox.pace.stages import Lane
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.confirming import confirm_all
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.fake_engine import HOST, FakeEngine

PACE = PacePolicy()
DIED = ("LIFECYCLE", "STOPPED_FAILED")
IO_ERROR = ("IO_ERROR", "IO_ERROR_REPORT")
FILED = ("IO_ERROR_REASON", "UNKNOWN")


@dataclass
class Stage:
    clock: FakeClock
    store: MemoryStore
    outbox: Outbox
    engine: FakeEngine
    delivery: Delivery
    follower: Follower
    faults: list[str] = field(default_factory=list)

    def report(self, name: str, words: tuple[str, str] = DIED, host: str = HOST) -> Notify:
        event, detail = words
        told = VmNotification(
            host, self.clock.now().wall, event=event, instance_uuid=name, vir_domain_event=detail
        )
        return Notify(told, "it died")

    async def submit(self, *commands: Command) -> None:
        self.outbox.submit(commands, self.clock.now())
        await settle()

    async def die(self, *names: str) -> None:
        await self.submit(*(self.report(name) for name in names))

    def rows(self) -> list[Row]:
        return sorted(self.store.recent(5000), key=lambda row: row.id)

    def status(self, name: str) -> str:
        (row,) = [row for row in self.rows() if row.subject == f"vm:{name}"]
        return row.status.value

    def alarms(self) -> list[str]:
        return [row.detail for row in self.follower.describe() if row.alarm]

    def waiting(self) -> dict[str, str]:
        return {one.subject.removeprefix("vm:"): one.why for one in self.delivery.pacing.waiting()}


@contextlib.asynccontextmanager
async def stage(
    pace: PacePolicy = PACE,
    *,
    on: Stage | None = None,
    engine: FakeEngine | None = None,
    store: MemoryStore | None = None,
    patience: float = 20.0,
    may_offer: Callable[[Row], Leave] = lambda row: Leave.NOW,
) -> AsyncIterator[Stage]:
    """A run of outbox and delivery; `on`: after another one, on its disk and before its engine."""
    clock = on.clock if on else engine.clock if engine else FakeClock()
    store = on.store if on else store or MemoryStore()
    api = on.engine if on else engine or FakeEngine(clock)
    outbox = Outbox(store, clock)
    await outbox.open()
    confirm_all(outbox)
    faults: list[str] = []
    follower = Follower(outbox, clock, api, rng=random.Random(1))
    pacing = Pacing(
        outbox,
        clock,
        pace,
        Looks(api, clock),
        patience=patience,
        on_fault=faults.append,
        on_seen=lambda looked: follower.seen(looked),
    )
    delivery = Delivery(
        outbox, api, DeliveryPolicy(), clock, random.Random(1), pacing=pacing, may_offer=may_offer
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, follower)]
        yield Stage(clock, store, outbox, api, delivery, follower, faults)
        for task in running:
            task.cancel()
    await outbox.close()


def names(count: int) -> list[str]:
    return [f"i{number:02}" for number in range(count)]


async def test_a_single_death_goes_at_once_and_asks_masakari_nothing_before() -> None:
    async with stage() as on:
        await on.die("a")
        assert (on.status("a"), on.engine.asked) == ("delivered", [])


async def test_two_of_a_host_stand_at_masakari_and_the_rest_go_oldest_first_as_they_end() -> None:
    async with stage() as on:
        await on.die(*names(12))
        await on.clock.advance(30)
        assert on.engine.taken() == names(2)
        assert on.waiting() == dict.fromkeys(names(12)[2:], "2 of this host are being recovered")
        for gone in range(1, 11):
            on.engine.end()
            await on.clock.advance(20)
            assert on.engine.taken() == names(gone + 2)
        assert (on.engine.most, on.waiting()) == (2, {})
        assert {row.status for row in on.rows()} == {ReportStatus.DELIVERED}


async def test_a_bug_in_what_is_only_told_ends_no_delivery(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(looked: object) -> None:
        raise RuntimeError("a bug")

    async with stage() as on:
        monkeypatch.setattr(on.follower, "seen", broken)
        await on.die(*names(3))
        await on.clock.advance(30)
        on.engine.end()
        await on.clock.advance(20)
        assert on.engine.taken() == names(3) and "could not be told" in caplog.text


async def test_nothing_is_paced_when_the_option_says_so() -> None:
    async with stage(replace(PACE, limit=0)) as on:
        await on.die(*names(12))
        await on.clock.advance(1)
        assert (len(on.engine.taken()), on.engine.asked) == (12, [])


async def test_hosts_do_not_wait_for_each_other() -> None:
    async with stage() as on:
        await on.die(*names(5))
        await on.clock.advance(20)
        await on.submit(on.report("elsewhere", host="compute-2"))
        assert on.status("elsewhere") == "delivered"


async def test_what_recovers_meanwhile_is_withdrawn_and_never_sent() -> None:
    async with stage() as on:
        await on.die(*names(4))
        await on.clock.advance(20)
        await on.submit(Withdraw("vm:i02", "it runs again"))
        on.engine.end()
        on.engine.end()
        await on.clock.advance(20)
        assert on.engine.taken() == ["i00", "i01", "i03"]
        assert on.status("i02") == "withdrawn"


async def test_those_that_die_together_wait_a_moment_for_a_word_about_their_host() -> None:
    async with stage() as on:
        await on.die(*names(6))
        assert on.engine.taken() == ["i00"]
        assert set(on.waiting().values()) == {"instances died together: a word about their host is awaited"}
        await on.clock.advance(PACE.moment - 1)
        host = on.engine.report_host()
        await on.clock.advance(10)
        assert on.engine.taken() == ["i00"]
        assert set(on.waiting().values()) == {"its whole host is being recovered"}
        on.engine.end()
        on.engine.end(which=host)
        await on.clock.advance(30)
        assert [on.status(name) for name in names(6)] == ["delivered", *["withdrawn"] * 5]
        assert "has recovered its whole host" in on.rows()[-1].answer
        assert on.engine.taken() == ["i00"]


async def test_what_dies_after_its_host_was_recovered_is_sent() -> None:
    async with stage() as on:
        await on.die("a", "b")
        host = on.engine.report_host()
        await on.clock.advance(20)
        on.engine.end(which=host)
        on.engine.end()
        on.engine.end()
        await on.clock.advance(60)
        await on.die("c")
        await on.clock.advance(30)
        assert on.status("c") == "delivered"


async def test_the_recovery_of_a_host_that_fails_leaves_nothing_unsaid() -> None:
    """Taken back when the host is reported, they would be lost with the engine's failure."""
    async with stage() as on:
        await on.die(*names(3))
        host = on.engine.report_host()
        await on.clock.advance(30)
        on.engine.end("failed", which=host)
        on.engine.end()
        await on.clock.advance(30)
        assert [on.status(name) for name in names(3)] == ["delivered"] * 3


async def test_a_host_that_is_not_proven_off_holds_nothing() -> None:
    async with stage() as on:
        on.engine.report_host(host_status="UNKNOWN")
        await on.die(*names(2))
        await on.clock.advance(30)
        assert on.engine.taken() == names(2)


async def test_what_another_sender_of_the_same_host_has_there_counts() -> None:
    async with stage() as on:
        payload = {
            "event": "QEMU_GUEST_AGENT_ERROR",
            "instance_uuid": "x",
            "vir_domain_event": "STOPPED_FAILED",
        }
        stamp = on.clock.now().wall.replace(tzinfo=None).isoformat()
        for _ in range(2):
            on.engine.known.file(HOST, "VM", payload, stamp)
        await on.die("a", "b")
        await on.clock.advance(30)
        # The first one is sent before anybody has looked.
        assert (on.status("a"), on.status("b")) == ("delivered", "pending")
        for _ in range(2):
            on.engine.end()
        await on.clock.advance(30)
        assert on.status("b") == "delivered"


async def test_words_that_the_engine_only_files_do_not_wait_for_the_deaths() -> None:
    async with stage() as on:
        await on.die(*names(4))
        await on.clock.advance(20)
        await on.submit(on.report("other", FILED))
        assert on.status("other") == "delivered"


async def test_a_flood_of_words_that_are_only_filed_does_not_take_the_engines_threads() -> None:
    async with stage() as on:
        await on.die(*names(2))
        await on.clock.advance(20)
        await on.submit(*(on.report(f"x{number:03}", FILED) for number in range(60)))
        await on.clock.advance(20)
        assert len(on.engine.unfinished(acted_on=False)) == PACE.filed_limit
        while filed := on.engine.unfinished(acted_on=False):
            for one in filed:
                on.engine.end("ignored", which=one)
            await on.clock.advance(20)
        assert {row.status for row in on.rows()} == {ReportStatus.DELIVERED}


async def test_a_death_overtakes_all_that_was_said_of_the_instance_before() -> None:
    async with stage() as on:
        on.engine.answer = lambda told: Duplicate("409")
        await on.submit(*(on.report("a", IO_ERROR) for _ in range(600)))
        await on.clock.advance(5)
        on.engine.answer = on.engine._take  # what it takes stands there again
        await on.submit(on.report("a", FILED), on.report("a"))
        words = [(row.notification.event, row.status.value) for row in on.rows() if row.notification]
        assert words.count(("LIFECYCLE", "delivered")) == 1
        assert ("IO_ERROR", "pending") not in words
        await on.clock.advance(1000)
        assert on.engine.taken() == ["a", "a"]
        last = on.engine.known.notifications[-1]["payload"]
        assert (last["event"], last["vir_domain_event"]) == FILED


async def test_an_io_error_that_has_ended_is_not_offered_again_even_when_its_answer_was_on_its_way() -> None:
    async with stage() as on:
        on.engine.answer = lambda told: Duplicate("409")
        on.engine.hold = asyncio.Event()
        await on.submit(on.report("a", IO_ERROR))
        await on.submit(Withdraw("vm:a", "its disk works again"))
        on.engine.hold.set()
        await on.clock.advance(1000)
        assert (on.status("a"), len(on.engine.offers)) == ("withdrawn", 1)


async def test_what_masakari_does_not_let_itself_be_asked_goes_two_at_once_and_then_one_by_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        on.engine.known.fails = "403 Policy doesn't allow"
        await on.die(*names(6))
        assert on.engine.taken() == names(2)
        await on.clock.advance(PACE.blind_interval)
        assert on.engine.taken() == names(3)
        await on.clock.advance(3 * PACE.blind_interval)
        assert on.engine.taken() == names(6)
        said = [record for record in caplog.records if "cannot be read" in record.getMessage()]
        assert len(said) == 1 and on.faults == []


async def test_a_look_that_fails_once_changes_nothing() -> None:
    async with stage() as on:
        await on.die(*names(4))
        await on.clock.advance(15)
        on.engine.known.fails = "503"
        await on.clock.advance(PACE.blind_after / 2)
        on.engine.known.fails = ""
        await on.clock.advance(30)
        assert on.engine.taken() == names(2)


async def test_a_look_that_hangs_holds_nobody_for_ever() -> None:
    class Hung(FakeEngine):
        async def get(self, path: str) -> Any:
            await self.clock.sleep(1e9)

    async with stage(engine=Hung(FakeClock()), patience=0.01) as on:
        async with asyncio.timeout(60):
            await on.die("a", "b")
            while on.status("b") != "delivered":  # noqa: ASYNC110 - the limit is one of real time
                await asyncio.sleep(0.01)


async def test_what_stands_longer_than_the_engine_can_take_is_not_waited_for_and_said() -> None:
    async with stage() as on:
        await on.die(*names(5))
        await on.clock.advance(20)
        for one in on.engine.unfinished():
            one["status"] = "running"
        await on.clock.advance(PACE.patience - 30)
        assert (on.engine.taken(), on.alarms()) == (names(2), [])
        await on.clock.advance(60)
        assert on.engine.taken() == names(4)
        assert len(on.alarms()) == 2 and "vm:i00" in on.alarms()[0] and "21 minutes" in on.alarms()[0]
        assert on.delivery.pacing.overdue == 2
        await on.clock.advance(PACE.patience + 60)
        assert on.engine.taken() == names(5)


async def test_what_the_engine_gives_up_is_said_and_what_it_has_ended_stands_with_the_row() -> None:
    async with stage() as on:
        await on.die("a", "b")
        await on.clock.advance(15)
        on.engine.end("failed")
        on.engine.end("finished")
        await on.clock.advance(60)
        assert len(on.alarms()) == 1 and "vm:a" in on.alarms()[0] and "by hand" in on.alarms()[0]
        assert [row.answer.rsplit(": ", 1)[1] for row in on.rows()] == ["failed", "finished"]
        assert [bool(row.followed) for row in on.rows()] == [True, False]


async def test_what_the_engine_tries_once_more_still_stands_there() -> None:
    async with stage() as on:
        await on.die("a", "b", "c")
        await on.clock.advance(20)
        on.engine.end("error")
        on.engine.end("running", which=on.engine.unfinished()[1])
        await on.clock.advance(60)
        assert on.status("c") == "pending"


async def test_a_report_that_masakari_has_forgotten_is_not_waited_for() -> None:
    async with stage() as on:
        await on.die(*names(4))
        await on.clock.advance(20)
        on.engine.known.notifications.clear()
        await on.clock.advance(20)
        assert on.engine.taken() == ["i02", "i03"]


async def test_a_restart_goes_on_counting_and_following() -> None:
    async with stage() as first:
        await first.die(*names(4))
        await first.clock.advance(20)
        assert first.engine.taken() == names(2)
    async with stage(on=first) as on:
        await on.clock.advance(60)
        assert on.engine.taken() == names(2)
        on.engine.end("failed")
        await on.clock.advance(30)
        assert on.engine.taken() == names(3)
        assert len(on.alarms()) == 1 and "vm:i00" in on.alarms()[0]


@pytest.mark.parametrize("away", [300.0, 6 * 3600.0])
async def test_a_host_that_was_recovered_while_the_monitor_was_away_needs_no_reports(away: float) -> None:
    """It may have been away for repair: told now, they would restart instances that run well elsewhere."""
    async with stage() as first:
        await first.die(*names(4))
        await first.clock.advance(20)
    host = first.engine.report_host()
    await first.clock.advance(300)
    for one in (host, *first.engine.unfinished()):
        first.engine.end(which=one)
    await first.clock.advance(away)
    async with stage(on=first) as on:
        await on.clock.advance(30)
        assert [on.status(name) for name in names(4)] == ["delivered"] * 2 + ["withdrawn"] * 2


async def test_an_api_that_is_away_holds_no_places_and_loses_nothing() -> None:
    async with stage() as on:
        taking = on.engine.answer
        on.engine.answer = lambda told: Unreachable("refused", maybe_accepted=False)
        on.engine.known.fails = "connection refused"
        await on.die(*names(6))
        await on.clock.advance(600)
        on.engine.answer = taking
        on.engine.known.fails = ""
        await on.clock.advance(330)
        # The one that asked whether the API answers again, and two.
        assert len(on.engine.taken()) <= 3
        for _ in range(6):
            if on.engine.unfinished():
                on.engine.end()
            await on.clock.advance(60)
        assert sorted(on.engine.taken()) == names(6)


async def test_an_answer_that_was_lost_sends_nothing_twice() -> None:
    async with stage() as on:
        taking = on.engine.answer

        def lost(told: dict[str, Any]) -> Outcome:
            on.engine.answer = lambda told: Duplicate("409")
            taking(told)
            return Unreachable("timed out", maybe_accepted=True, row_only=True)

        on.engine.answer = lost
        await on.die("a")
        await on.clock.advance(30)
        assert (on.status("a"), on.engine.taken()) == ("delivered", ["a"])


async def test_a_thousand_wait_without_one_question_more_than_a_few_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    async with stage() as on:
        await on.die(*(f"i{number:04}" for number in range(1000)))
        await on.clock.advance(600)
        assert len(on.engine.taken()) == 2
        # Six requests a look: each second at first, each 15 s in the end.
        assert len(on.engine.asked) < 6 * 80
        assert len(on.waiting()) == 998


async def test_who_comes_last_does_not_take_the_place_that_has_become_free_for_the_oldest() -> None:
    clock = FakeClock()
    outbox, engine = Outbox(MemoryStore(), clock), FakeEngine(clock)
    pacing = Pacing(outbox, clock, replace(PACE, limit=1), Looks(engine, clock))
    told = VmNotification(
        HOST, clock.now().wall, event="LIFECYCLE", instance_uuid="i", vir_domain_event="STOPPED_FAILED"
    )
    rows = [replace(Row.new(number, told, "", clock.now()), subject=f"vm:{number}") for number in range(5)]
    outbox.submit([Notify(replace(told, instance_uuid=str(number)), "") for number in range(5)], clock.now())
    assert pacing.admit(rows[1], clock.now()).hold is None
    assert [pacing.admit(row, clock.now()).hold for row in rows[2:4]] == [Hold.FULL, Hold.FULL]
    pacing.answered(rows[1], "")
    await clock.advance(PACE.moment)
    assert pacing.next_subject(clock.now(), Lane.RECOVERED) is None
    await pacing.look(HOST)
    assert pacing.next_subject(clock.now(), Lane.RECOVERED) == "vm:2"
    assert pacing.admit(rows[4], clock.now()).hold is Hold.TURN
    assert pacing.admit(rows[2], clock.now()).hold is None


class Slow(FakeEngine):
    """Its API takes 2.5 s for each report, and eight at a time."""

    async def send(self, body: str, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        await self.clock.sleep(2.5)
        return await super().send(body, may_send)


@pytest.mark.parametrize("together", [1, 3])
async def test_a_death_stands_behind_no_backlog_of_words_that_are_only_filed(together: int) -> None:
    async with stage(engine=Slow(FakeClock())) as on:
        await on.submit(*(on.report(f"x{number:03}", FILED) for number in range(100)))
        await on.clock.advance(1)
        await on.die(*names(together))
        await on.clock.advance(PACE.moment + 5)
        assert [name for name in on.engine.taken() if name in names(together)] == names(
            min(together, PACE.limit)
        )
        for _ in range(100):
            for one in (*on.engine.unfinished(), *on.engine.unfinished(acted_on=False)):
                on.engine.end(which=one)
            await on.clock.advance(5)
        assert {row.status for row in on.rows()} == {ReportStatus.DELIVERED}


async def test_words_that_are_only_filed_and_come_faster_than_they_go_starve_no_death() -> None:
    """The look for a death was too old each time that a place among the eight had become free."""
    async with stage(engine=Slow(FakeClock())) as on:
        for second in range(60):
            words = [on.report(f"x{second}-{number}", FILED) for number in range(5)]
            deaths = [on.report(name) for name in names(3)] if second == 20 else []
            await on.submit(*words, *deaths)
            await on.clock.advance(1)
        assert [name for name in on.engine.taken() if name in names(3)] == names(2)


async def test_words_that_are_only_filed_leave_places_for_what_is_acted_on() -> None:
    async with stage(replace(PACE, limit=0), engine=Slow(FakeClock())) as on:
        await on.submit(*(on.report(f"x{number:03}", FILED) for number in range(100)))
        assert on.delivery.in_flight == DeliveryPolicy().concurrency - 2
        await on.die(*names(2))
        assert on.delivery.in_flight == DeliveryPolicy().concurrency


async def test_an_io_error_stands_behind_nothing_that_is_only_filed_of_its_instance() -> None:
    async with stage(engine=Slow(FakeClock())) as on:
        await on.submit(*(on.report("a", FILED) for _ in range(50)), on.report("a", IO_ERROR))
        await on.clock.advance(6)
        assert [one["payload"]["vir_domain_event"] for one in on.engine.unfinished()] == ["IO_ERROR_REPORT"]


@pytest.mark.parametrize("status", ["running", "error"])
async def test_a_host_in_service_is_not_waited_for_whatever_its_report_says(status: str) -> None:
    """The engine was killed while it recovered the host, and somebody has put that back into service."""
    async with stage() as on:
        on.engine.report_host(status=status)
        await on.clock.advance(1800)
        await on.die("a")
        await on.clock.advance(1)
        await on.die("b")
        await on.clock.advance(30)
        assert on.engine.taken() == ["a", "b"]
        assert len(on.faults) == 1 and "in service" in on.faults[0] and HOST in on.faults[0]


async def test_a_host_that_is_recovered_for_long_is_waited_for_and_said_once() -> None:
    async with stage() as on:
        host = on.engine.report_host(status="running")
        on.engine.known.on_maintenance.add(HOST)
        await on.die("a", "b")
        await on.clock.advance(PACE.patience - 60)
        assert (on.faults, on.waiting()) == ([], {"b": "its whole host is being recovered"})
        await on.clock.advance(1200)
        assert len([fault for fault in on.faults if f"recovery of {HOST}" in fault]) == 1
        assert on.engine.taken() == ["a"]
        on.engine.end(which=host)
        await on.clock.advance(30)
        assert on.status("b") == "withdrawn"


async def test_a_host_that_nobody_takes_up_is_not_waited_for_longer_than_an_instance() -> None:
    async with stage() as on:
        on.engine.report_host(status="new")
        await on.die("a", "b")
        await on.clock.advance(PACE.patience + 30)
        assert on.engine.taken() == ["a", "b"]
        assert any(f"recovery of {HOST}" in fault for fault in on.faults)


async def test_a_host_that_was_being_recovered_is_not_waited_for_when_nothing_can_be_read_any_more() -> None:
    async with stage() as on:
        on.engine.report_host(status="running")
        await on.die(*names(4))
        await on.clock.advance(15)
        assert on.engine.taken() == names(1)
        on.engine.known.fails = "403"
        await on.clock.advance(PACE.blind_after + 6 * PACE.blind_interval)
        assert on.engine.taken() == names(4)


async def test_blind_what_is_only_filed_goes_one_after_another_beside_the_deaths() -> None:
    async with stage() as on:
        on.engine.known.fails = "403"
        await on.die("a", "b", "c")
        await on.clock.advance(3)
        await on.submit(*(on.report(f"x{number:03}", FILED) for number in range(60)))
        await on.clock.advance(4 * PACE.blind_interval)
        most = PACE.filed_limit + 5
        assert PACE.filed_limit <= len(on.engine.unfinished(acted_on=False)) <= most
        assert len(on.engine.unfinished()) == 3
        # They are not counted for ever: what stands longer than the engine can take is not waited for.
        await on.clock.advance(PACE.patience + 60)
        assert {row.status for row in on.rows()} == {ReportStatus.DELIVERED}


async def test_blind_what_is_only_filed_is_not_held_without_a_death() -> None:
    async with stage() as on:
        on.engine.known.fails = "403"
        await on.die("a")
        await on.clock.advance(PACE.patience + 60)
        await on.submit(*(on.report(f"x{number:03}", FILED) for number in range(60)))
        assert len(on.engine.unfinished(acted_on=False)) == 60
