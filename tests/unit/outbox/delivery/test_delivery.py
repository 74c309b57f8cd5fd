"""Delivery, played against a hand-made API and clock: each row of the answers table, and outages."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from masakarimonitors.core.decision import Command, Notify, Remember, Withdraw
from masakarimonitors.core.notification import (
    HostEvent,
    Leave,
    ProcessNotification,
    ReportStatus,
)
from masakarimonitors.masakari_answers import (
    Delivered,
    Duplicate,
    NotSent,
    Outcome,
    Refused,
    Unreachable,
    WouldBeSent,
)
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.delivery.held import PATIENCE
from masakarimonitors.outbox.delivery.owed import OVERDUE
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row, Write
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.confirming import confirm_all
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle

POLICY = DeliveryPolicy(retry_max=2, retry_interval=10.0, expiry=3600.0)


@dataclass
class Stage:
    clock: FakeClock
    store: MemoryStore
    outbox: Outbox
    api: FakeApi
    delivery: Delivery

    def report(self, name: str) -> Notify:
        return Notify(
            ProcessNotification("compute-1", self.clock.now().wall, HostEvent.STOPPED, name), "it died"
        )

    async def submit(self, *commands: Command) -> None:
        self.outbox.submit(commands, self.clock.now())
        await settle()

    def rows(self) -> list[Row]:
        return sorted(self.store.recent(1000), key=lambda row: row.id)

    def statuses(self) -> list[str]:
        return [row.status.value for row in self.rows()]

    def names(self) -> list[str]:
        return [offer["payload"]["process_name"] for offer in self.api.offers]


@contextlib.asynccontextmanager
async def stage(
    answer: Callable[[dict[str, Any]], Outcome] | None = None,
    *,
    store: MemoryStore | None = None,
    clock: FakeClock | None = None,
    policy: DeliveryPolicy = POLICY,
    arrivals: Arrivals | None = None,
    on_settled: Callable[[Row], None] = lambda row: None,
    may_offer: Callable[[Row], Leave] = lambda row: Leave.NOW,
    on_fault: Callable[[str], None] = lambda text: None,
    held_patience: float = PATIENCE,
    confirmed: bool = True,
) -> AsyncIterator[Stage]:
    clock = clock or FakeClock()
    store = store or MemoryStore()
    outbox = Outbox(store, clock)
    await outbox.open()
    if confirmed:
        confirm_all(outbox)
    api = FakeApi(answer)
    delivery = Delivery(
        outbox,
        api,
        policy,
        clock,
        random.Random(1),
        on_settled=on_settled,
        arrivals=arrivals,
        may_offer=may_offer,
        on_fault=on_fault,
        held_patience=held_patience,
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(outbox.run()), tasks.create_task(delivery.run())]
        yield Stage(clock, store, outbox, api, delivery)
        for task in running:
            task.cancel()
    await outbox.close()


def script(answers: Sequence[Outcome]) -> Callable[[dict[str, Any]], Outcome]:
    left = list(answers)
    return lambda notification: left.pop(0) if left else Delivered("202")


async def test_accepted_is_delivered_once() -> None:
    async with stage() as on:
        await on.submit(on.report("a"))
        await on.clock.advance(1000)
        assert (on.statuses(), on.names()) == (["delivered"], ["a"])


async def test_a_row_is_in_the_store_before_it_is_offered() -> None:
    seen: list[list[str]] = []
    async with stage() as on:

        def answer(notification: dict[str, Any]) -> Outcome:
            seen.append(on.statuses())
            return Delivered("202")

        on.api.answer = answer
        await on.submit(on.report("a"))
        assert seen == [["pending"]]


async def test_r4_an_outage_longer_than_all_retries_loses_nothing() -> None:
    down = Unreachable("connection refused", maybe_accepted=False)
    async with stage(lambda notification: down) as on:
        await on.submit(*(on.report(f"p{n}") for n in range(50)))
        await on.clock.advance(1200)
        assert on.statuses() == ["pending"] * 50
        assert "refused" in on.delivery.trouble
        on.api.offers.clear()
        on.api.answer = lambda notification: Delivered("202")
        await on.clock.advance(POLICY.backoff_limit)
        assert on.statuses() == ["delivered"] * 50
        assert sorted(on.names()) == sorted(f"p{n}" for n in range(50))
        assert on.delivery.trouble == ""


async def test_an_answer_that_drips_is_trouble_before_its_time_is_over_and_until_another_report_is_answered() -> (
    None
):
    dripped = Unreachable(
        "an answer was begun, and not ended within 30 s", maybe_accepted=True, row_only=True
    )
    async with stage(script([dripped])) as on:
        on.api.hold = asyncio.Event()
        await on.submit(on.report("a"))
        await on.clock.advance(OVERDUE - 1)
        assert on.delivery.trouble == ""
        await on.clock.advance(5)
        assert on.delivery.trouble == "a report was offered 19 s ago, and has no whole answer yet"
        (waiting,) = on.delivery.seen("process:a", on.clock.now())
        assert (on.delivery.shut, waiting.trouble) == ("", ""), "nothing waits for that"
        on.api.hold.set()
        await settle()
        # Nothing keeps the next report from leaving, and nobody has heard of this one.
        assert on.delivery.trouble == dripped.answer
        await on.submit(on.report("b"))
        assert on.statuses() == ["pending", "delivered"] and on.delivery.trouble == ""


async def test_trouble_is_over_when_nothing_is_left_to_offer() -> None:
    """Nobody asks any more then: what was seen long ago must not count against this way for ever."""
    down = Unreachable("connection refused", maybe_accepted=False)
    async with stage(lambda notification: down) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(100)
        assert on.delivery.trouble
        await on.submit(Withdraw("process:a", "another reports it"))
        assert on.delivery.trouble == ""


async def test_what_a_report_that_was_taken_back_has_come_to_is_not_told_while_another_may_not_leave() -> (
    None
):
    """One that is silenced waits for days."""
    leave = {"process:b": Leave.LATER}
    broken = Unreachable("500", maybe_accepted=True, row_only=True)
    async with stage(
        lambda notification: broken, may_offer=lambda row: leave.get(row.subject, Leave.NOW)
    ) as on:
        await on.submit(on.report("a"), on.report("b"))
        assert on.delivery.trouble == "500"
        await on.submit(Withdraw("process:a", "it is back"))
        assert on.statuses() == ["withdrawn", "pending"] and on.delivery.trouble == ""


async def test_an_outage_costs_one_probe_at_a_time() -> None:
    async with stage(lambda notification: Unreachable("down", maybe_accepted=False)) as on:
        await on.submit(*(on.report(f"p{n}") for n in range(100)))
        first = len(on.api.offers)
        assert first <= POLICY.concurrency
        await on.clock.advance(2 * POLICY.retry_interval)
        assert len(on.api.offers) - first == 2


async def test_a_new_failure_does_not_wait_for_a_long_back_off() -> None:
    async with stage(lambda notification: Unreachable("down", maybe_accepted=False)) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(3000)
        on.api.answer = lambda notification: Delivered("202")
        await on.submit(on.report("b"))
        await on.clock.advance(POLICY.retry_interval)
        assert on.statuses() == ["delivered", "delivered"]


async def test_order_is_kept_per_subject_and_subjects_are_independent() -> None:
    async with stage() as on:
        on.api.hold = asyncio.Event()
        await on.submit(on.report("a"), on.report("b"))
        await on.submit(on.report("a"), on.report("c"))
        assert sorted(on.names()) == ["a", "b", "c"]
        on.api.hold.set()
        await settle()
        assert sorted(on.names()) == ["a", "a", "b", "c"]
        assert on.statuses() == ["delivered"] * 4


async def test_concurrency_is_bounded() -> None:
    async with stage() as on:
        on.api.hold = asyncio.Event()
        await on.submit(*(on.report(f"p{n}") for n in range(40)))
        assert on.api.most_in_flight == POLICY.concurrency
        on.api.hold.set()
        await on.clock.advance(1)
        assert on.statuses() == ["delivered"] * 40
        assert on.api.most_in_flight == POLICY.concurrency


async def test_a_duplicate_of_a_row_that_may_have_arrived_is_delivered() -> None:
    async with stage(
        script([Unreachable("timed out", maybe_accepted=True), Duplicate("409 duplicate")])
    ) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.retry_interval)
        assert (on.statuses(), len(on.api.offers)) == (["delivered"], 2)


async def test_a_duplicate_of_a_row_never_offered_before_is_told_again_after_the_window() -> None:
    async with stage(script([Duplicate("409 duplicate")])) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(180)
        assert (on.statuses(), len(on.api.offers)) == (["pending"], 1)
        await on.clock.advance(6)
        assert (on.statuses(), len(on.api.offers)) == (["delivered"], 2)
        first, second = (offer["generated_time"] for offer in on.api.offers)
        assert second > first


async def test_a_refused_connection_leaves_no_doubt() -> None:
    refused = Unreachable("refused", maybe_accepted=False)
    async with stage(script([refused, Duplicate("409 duplicate")])) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.retry_interval)
        assert on.statuses() == ["pending"]
        await on.clock.advance(186)
        assert (on.statuses(), len(on.api.offers)) == (["delivered"], 3)


async def test_a_row_in_the_duplicate_window_does_not_hold_up_the_next_failure() -> None:
    async with stage(script([Duplicate("409")])) as on:
        await on.submit(on.report("a"))
        await on.submit(on.report("a"))
        assert on.statuses() == ["pending", "delivered"]


async def test_recovery_withdraws_what_waits_for_the_window() -> None:
    async with stage(script([Duplicate("409")])) as on:
        await on.submit(on.report("a"))
        await on.submit(Withdraw("process:a", "it runs again"))
        await on.clock.advance(1000)
        assert (on.statuses(), len(on.api.offers)) == (["withdrawn"], 1)


async def test_a_failure_that_older_reports_hide_is_told_once_in_each_window_until_it_is_taken() -> None:
    """Such as one that was stamped an hour ahead, by a clock that has been set back since."""
    settled = list[Row]()
    async with stage(lambda notification: Duplicate("409"), on_settled=settled.append) as on:
        made = on.clock.now().wall
        await on.submit(on.report("a"))
        await on.clock.advance(3000)
        assert on.statuses() == ["pending"]
        stamps = [offer["generated_time"] for offer in on.api.offers]
        assert len(stamps) == 1 + 3000 // 185 and len(set(stamps)) == len(stamps)
        on.api.answer = lambda notification: Delivered("202 taken")
        await on.clock.advance(185)
        assert on.statuses() == ["delivered"]
        # The answer is still one to the report as it was made.
        (row,) = settled
        assert (row.made_at, row.answer) == (made, "202 taken")
        assert row.notification is not None and row.notification.generated_time > made


async def test_refused_is_settled_and_not_retried() -> None:
    async with stage(script([Refused("409 maintenance", "HA is off")])) as on:
        await on.submit(on.report("a"), on.report("b"))
        await on.clock.advance(1000)
        assert on.statuses() == ["refused", "delivered"]
        assert len(on.api.offers) == 2


async def test_a_report_that_the_api_alone_fails_on_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(notification: dict[str, Any]) -> Outcome:
        if notification["payload"]["process_name"] == "poison":
            return Unreachable("500", maybe_accepted=True, row_only=True)
        return Delivered("202")

    async with stage(answer) as on:
        await on.submit(on.report("poison"), on.report("a"), on.report("b"))
        assert on.statuses() == ["pending", "delivered", "delivered"]
        (kept,) = [one for one in caplog.records if getattr(one, "event", "") == "report.kept"]
        assert (getattr(kept, "report_id", 0), getattr(kept, "answer", "")) == ("1", "500")
        await on.clock.advance(30)
        assert on.names().count("poison") == 3
        # Beyond the patience of api_retry_max it no longer holds up its own subject either.
        on.api.answer = lambda n: Unreachable("500", maybe_accepted=True, row_only=True)
        await on.submit(on.report("poison"))
        on.api.answer = script([])
        await on.clock.advance(400)
        assert on.statuses() == ["delivered"] * 4


async def test_withdrawn_before_it_was_written_is_never_offered() -> None:
    async with stage() as on:
        await on.submit(on.report("a"), Withdraw("process:a", "it runs again"))
        assert (on.statuses(), on.api.offers) == (["withdrawn"], [])


async def test_withdrawn_while_in_flight_says_what_really_happened() -> None:
    async with stage() as on:
        on.api.hold = asyncio.Event()
        await on.submit(on.report("a"))
        await on.submit(Withdraw("process:a", "it runs again"))
        assert on.statuses() == ["withdrawn"]
        on.api.hold.set()
        await settle()
        assert on.statuses() == ["delivered"]


async def test_what_is_withdrawn_while_a_token_is_asked_for_does_not_leave() -> None:
    async with stage() as on:
        on.api.no_token = asyncio.Event()
        await on.submit(on.report("a"))
        assert on.api.waiting == 1
        await on.submit(Withdraw("process:a", "it runs again"))
        on.api.no_token.set()
        await on.clock.advance(POLICY.backoff_limit)
        assert (on.statuses(), on.api.offers) == (["withdrawn"], [])


async def test_what_may_not_be_offered_stays_as_it_is_until_it_may_or_is_taken_back() -> None:
    allowed = {"process:b"}
    async with stage(may_offer=lambda row: Leave.NOW if row.subject in allowed else Leave.LATER) as on:
        await on.submit(on.report("a"), on.report("b"), on.report("c"))
        await on.clock.advance(POLICY.backoff_limit)
        assert on.names() == ["b"], "it does not hold up the others, and is no trouble of the API"
        assert on.delivery.trouble == ""
        assert [(row.attempts, row.in_doubt) for row in on.rows() if row.subject != "process:b"] == [
            (0, False),
            (0, False),
        ]
        allowed.add("process:a")
        await on.submit(Withdraw("process:c", "another reports"))
        await on.clock.advance(POLICY.retry_interval)
        assert (on.names(), on.statuses()) == (["b", "a"], ["delivered", "delivered", "withdrawn"])


async def test_what_may_not_be_offered_any_more_when_there_is_a_token_does_not_leave() -> None:
    """Whether the API has it is as little in doubt as before."""
    allowed = Leave.NOW
    async with stage(may_offer=lambda row: allowed) as on:
        on.api.no_token = asyncio.Event()
        await on.submit(on.report("a"))
        assert on.api.waiting == 1
        allowed = Leave.LATER
        on.api.no_token.set()
        await on.clock.advance(POLICY.retry_interval)
        [row] = on.rows()
        assert (on.api.offers, row.status, row.attempts, row.in_doubt) == ([], ReportStatus.PENDING, 0, False)


async def test_what_may_not_be_offered_any_more_is_given_up_at_its_time() -> None:
    async with stage(may_offer=lambda row: Leave.LATER) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.expiry + POLICY.backoff_limit)
        assert (on.statuses(), on.api.offers) == (["expired"], [])


async def test_expired_is_given_up_with_its_last_answer() -> None:
    async with stage(lambda notification: Unreachable("503 down", maybe_accepted=False)) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.expiry + POLICY.backoff_limit)
        assert on.statuses() == ["expired"]
        assert on.rows()[0].answer == "503 down"


async def test_a_restart_offers_what_was_pending_and_keeps_the_doubt() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with stage(lambda n: Unreachable("timed out", maybe_accepted=True), store=store, clock=clock) as on:
        await on.submit(on.report("a"), Remember("reported", {"a": True}))
    async with stage(lambda n: Duplicate("409"), store=store, clock=clock) as on:
        assert dict(on.outbox.memory) == {"reported": {"a": True}}
        await settle()
        assert on.statuses() == ["delivered"]


class PowerCut(MemoryStore):
    """Keeps what was synced apart: as with a write-ahead log, a sync takes all earlier writes along."""

    def __init__(self) -> None:
        super().__init__()
        self._unsynced: list[Sequence[Write]] = []
        self.after = MemoryStore()

    def write(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        self._unsynced.append(writes)
        if any(write.durable for write in writes):
            for earlier in self._unsynced:
                self.after.write(earlier)
            self._unsynced.clear()


async def test_a_power_cut_after_delivery_tells_nothing_a_second_time() -> None:
    store, clock = PowerCut(), FakeClock()
    async with stage(store=store, clock=clock) as on:
        await on.submit(on.report("a"))
        assert on.statuses() == ["delivered"]
    assert [row.status for row in store.after.recent(10)] == [ReportStatus.PENDING]
    async with stage(lambda notification: Duplicate("409"), store=store.after, clock=clock) as on:
        await on.clock.advance(POLICY.duplicate_window * 2)
        assert on.statuses() == ["delivered"]
        assert len(on.api.offers) == 1


async def test_a_power_cut_does_not_turn_a_swallowed_failure_into_a_delivered_one() -> None:
    store, clock = PowerCut(), FakeClock()
    async with stage(script([Duplicate("409")]), store=store, clock=clock) as on:
        await on.submit(on.report("a"))
        assert on.statuses() == ["pending"]
    async with stage(script([Duplicate("409")]), store=store.after, clock=clock) as on:
        await settle()
        assert on.statuses() == ["pending"]
        await on.clock.advance(POLICY.duplicate_window + 10)
        assert on.statuses() == ["delivered"]
        first, again = (offer["generated_time"] for offer in on.api.offers)
        assert first < again


@pytest.mark.parametrize(
    "outcome", [Unreachable("connection refused", maybe_accepted=False), NotSent()], ids=repr
)
async def test_a_power_cut_after_a_try_that_cannot_have_arrived_leaves_no_doubt(outcome: Outcome) -> None:
    """In doubt, an older report's "duplicate" would pass for an answer to this one, and the failure be lost."""
    store, clock = PowerCut(), FakeClock()
    async with stage(lambda notification: outcome, store=store, clock=clock) as on:
        await on.submit(on.report("a"))
        assert on.statuses() == ["pending"]
    async with stage(script([Duplicate("409")]), store=store.after, clock=clock) as on:
        await settle()
        assert on.statuses() == ["pending"]
        await on.clock.advance(POLICY.duplicate_window + 10)
        assert on.statuses() == ["delivered"]


@pytest.mark.parametrize("lost", [True, False])
async def test_a_refusal_after_a_lost_answer_says_that_the_report_may_have_arrived(
    lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Outcome] = [
        Unreachable("timed out", maybe_accepted=lost),
        Refused("409 under maintenance", "HA is off"),
    ]
    ended = list[Row]()
    async with stage(script(answers), on_settled=ended.append) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.retry_interval)
        assert on.statuses() == ["refused"]
    assert ("may have arrived at an earlier try" in caplog.text) is lost
    assert [row.in_doubt for row in ended] == [lost], "so its monitor is told, too"


async def test_a_bug_in_the_api_client_keeps_the_row() -> None:
    def broken(notification: dict[str, Any]) -> Outcome:
        raise RuntimeError("boom")

    async with stage(broken) as on:
        await on.submit(on.report("a"))
        assert on.statuses() == ["pending"]
        on.api.answer = lambda notification: Delivered("202")
        await on.clock.advance(POLICY.retry_interval)
        assert on.statuses() == ["delivered"]


def test_delays_keep_the_manual_s_meaning_then_grow_and_stay_bounded() -> None:
    policy = DeliveryPolicy()
    assert [policy.delay(n, 1.0) for n in (1, 12)] == [10.0, 10.0]
    assert [policy.delay(n, 1.0) for n in (13, 14, 15)] == [20.0, 40.0, 80.0]
    assert policy.delay(100_000, 1.0) == 300.0
    assert policy.delay(100_000, 0.0) == 225.0


async def test_counts_tell_what_became_of_rows() -> None:
    async with stage(script([Refused("400", "x")])) as on:
        await on.submit(on.report("a"), on.report("b"))
        assert on.outbox.counts[ReportStatus.REFUSED] == 1
        assert on.outbox.counts[ReportStatus.DELIVERED] == 1


async def test_what_waits_says_what_is_in_its_way_and_what_has_left_waits_no_more() -> None:
    held = [Leave.LATER]
    async with stage(
        script([Unreachable("503 down", maybe_accepted=False)]), may_offer=lambda row: held[0]
    ) as on:
        await on.submit(on.report("a"))
        (seen,) = on.delivery.seen("process:a", on.clock.now())
        assert (seen.row.id, seen.written, seen.leave, seen.trouble) == (1, True, Leave.LATER, "")
        held[0] = Leave.NOW
        await on.clock.advance(1.0)
        (seen,) = on.delivery.seen("process:a", on.clock.now())
        assert (seen.row.attempts, seen.trouble) == (1, "503 down")
        assert seen.shut_until is not None and seen.shut_until > on.clock.now().monotonic
        await on.clock.advance(20.0)
        assert on.statuses() == ["delivered"]
        assert on.delivery.seen("process:a", on.clock.now()) == []


async def test_what_is_said_to_be_in_its_way_is_what_was_seen_last_and_no_moment_that_has_passed() -> None:
    gone, oops = (
        Unreachable("no answer", maybe_accepted=True),
        Unreachable("500", maybe_accepted=True, row_only=True),
    )
    asked: list[tuple[str, bool]] = []

    def answer(notification: dict[str, Any]) -> Outcome:
        (seen,) = on.delivery.seen("process:a", on.clock.now())
        asked.append((seen.trouble, seen.asked))
        return gone if len(asked) == 1 else oops

    async with stage(answer) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(15.0)
        (seen,) = on.delivery.seen("process:a", on.clock.now())
        assert asked == [("", False), ("no answer", True)], "while it is asked nobody waits for its next try"
        assert (seen.trouble, seen.asked, on.delivery.trouble) == ("500", False, "500")


async def test_where_nothing_is_sent_a_report_ends_as_what_would_have_been() -> None:
    ended: list[Row] = []
    async with stage(lambda notification: WouldBeSent("a shadow"), on_settled=ended.append) as played:
        await played.submit(played.report("nova-compute"))
        assert played.statuses() == ["would be sent"]
    assert [(row.status, row.answer, row.followed) for row in ended] == [
        (ReportStatus.WOULD_BE_SENT, "a shadow", "")
    ]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Unreachable("connection refused", maybe_accepted=False), True),
        (Unreachable("the connection broke", maybe_accepted=True), False),
    ],
)
async def test_of_one_that_was_offered_and_taken_back_it_is_known_whether_masakari_may_have_it(
    outcome: Outcome, told: bool
) -> None:
    async with stage(lambda notification: outcome) as one:
        unsent: list[str] = []
        one.outbox.watch_unsent(lambda row: unsent.append(row.subject))
        await one.submit(one.report("a"))
        await one.clock.advance(POLICY.retry_interval)
        assert one.names() == ["a", "a"]
        await one.submit(Withdraw("process:a", "it runs"))
        assert unsent == ["process:a"] * told
