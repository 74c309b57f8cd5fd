"""Rows that their monitor does not let leave: asked about again, ended for good, or an alarm."""

import asyncio
import datetime

import pytest

from masakarimonitors.core.decision import Withdraw
from masakarimonitors.core.notification import Leave
from masakarimonitors.masakari_answers import Delivered, Unreachable
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.delivery.held import NOT_ITS_REPORT, PATIENCE, SILENCED_AGAIN
from masakarimonitors.outbox.rows import Row
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.unit.outbox.delivery.test_delivery import POLICY, stage


async def test_what_its_monitor_will_never_let_leave_is_ended_and_what_stands_behind_it_goes() -> None:
    """Two reports about one subject; no decision takes the first one back."""
    gone = {1}
    async with stage(may_offer=lambda row: Leave.NEVER if row.id in gone else Leave.NOW) as on:
        await on.submit(on.report("a"), on.report("a"))
        await on.clock.advance(1.0)
        first, second = on.rows()
        assert (first.status.value, first.answer) == ("withdrawn", NOT_ITS_REPORT)
        assert (second.status.value, on.names()) == ("delivered", ["a"])
        assert on.outbox.waiting == 0


async def test_what_may_never_leave_any_more_once_there_is_a_token_is_ended() -> None:
    leave = Leave.NOW
    async with stage(may_offer=lambda row: leave) as on:
        on.api.no_token = asyncio.Event()
        await on.submit(on.report("a"))
        assert on.api.waiting == 1
        leave = Leave.NEVER
        on.api.no_token.set()
        await on.clock.advance(1.0)
        assert (on.statuses(), on.api.offers) == (["withdrawn"], [])


async def test_what_is_held_back_for_long_is_an_alarm_once() -> None:
    told: list[str] = []
    async with stage(may_offer=lambda row: Leave.LATER, on_fault=told.append) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(PATIENCE - 1.0)
        assert told == []
        await on.clock.advance(PATIENCE)
        assert len(told) == 1 and "process:a" in told[0]
        await on.submit(on.report("b"))
        await on.clock.advance(2 * PATIENCE)
        assert len(told) == 2 and "process:b" in told[1]


async def test_what_its_monitor_takes_its_time_over_is_none_before_that() -> None:
    told: list[str] = []
    async with stage(may_offer=lambda row: Leave.LATER, on_fault=told.append, held_patience=300.0) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(299.0)
        assert told == []
        await on.clock.advance(2.0)
        assert len(told) == 1


async def test_what_is_let_go_or_taken_back_in_time_is_none() -> None:
    told: list[str] = []
    leave = Leave.LATER
    async with stage(may_offer=lambda row: leave, on_fault=told.append) as on:
        await on.submit(on.report("a"), on.report("b"))
        await on.clock.advance(PATIENCE / 2)
        await on.submit(Withdraw("process:b", "it runs again"))
        leave = Leave.NOW
        await on.clock.advance(POLICY.retry_interval)
        leave = Leave.LATER
        await on.clock.advance(PATIENCE)
        assert (on.statuses(), told) == (["delivered", "withdrawn"], [])


async def test_a_monitor_that_cannot_judge_one_report_holds_that_one_and_no_other() -> None:
    told: list[str] = []

    def may_offer(row: Row) -> Leave:
        if row.subject == "process:a":
            raise RuntimeError("a bug")
        return Leave.NOW

    async with stage(may_offer=may_offer, on_fault=told.append) as on:
        await on.submit(on.report("a"), on.report("b"))
        await on.clock.advance(PATIENCE + 2)
        assert (on.statuses(), on.names()) == (["pending", "delivered"], ["b"])
        assert len(told) == 1 and "process:a" in told[0]


async def test_a_monitor_that_cannot_take_the_end_of_one_report_ends_nothing_else() -> None:
    def on_settled(row: Row) -> None:
        raise RuntimeError("a bug")

    async with stage(on_settled=on_settled) as on:
        await on.submit(on.report("a"), on.report("b"))
        assert on.statuses() == ["delivered", "delivered"]


async def test_what_is_silenced_is_no_alarm_and_told_with_the_time_of_the_end() -> None:
    """Made a day before, it would be too old for masakari; and no day ends it meanwhile."""
    told: list[str] = []
    leave = Leave.SILENCED
    policy = DeliveryPolicy(expiry=60.0)
    async with stage(may_offer=lambda row: leave, on_fault=told.append, policy=policy) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(5 * policy.expiry)
        assert (on.statuses(), on.names(), told) == (["pending"], [], [])
        leave = Leave.NOW
        await on.clock.advance(SILENCED_AGAIN)
        (offer,) = on.api.offers
        assert on.statuses() == ["delivered"]
        stamp = datetime.datetime.fromisoformat(offer["generated_time"]).replace(tzinfo=datetime.UTC)
        assert (on.clock.now().wall - stamp).total_seconds() <= SILENCED_AGAIN
        (row,) = on.rows()
        assert row.as_made is not None and (row.made_at - EPOCH).total_seconds() < 1.0


async def test_what_stands_behind_a_silenced_report_is_not_given_up_for_it() -> None:
    """It is not asked about meanwhile; whoever looks at it, as `explain` does, must not set its end by that."""
    leave = Leave.SILENCED
    policy = DeliveryPolicy(expiry=60.0)
    async with stage(may_offer=lambda row: leave, policy=policy) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(1.0)
        await on.submit(on.report("a"))
        assert len(on.delivery.seen("process:a", on.clock.now())) == 2
        await on.clock.advance(5 * policy.expiry)
        leave = Leave.NOW
        await on.clock.advance(2 * SILENCED_AGAIN)
        assert on.statuses() == ["delivered", "delivered"]


async def test_what_may_have_arrived_before_it_was_silenced_keeps_its_time() -> None:
    """By nothing else masakari's word "duplicate" could be told from one about another failure."""
    leave = Leave.NOW
    answers = [Unreachable("the answer was lost", maybe_accepted=True, row_only=True)]
    async with stage(
        lambda told: answers.pop() if answers else Delivered("202"), may_offer=lambda row: leave
    ) as on:
        await on.submit(on.report("a"))
        leave = Leave.SILENCED
        await on.clock.advance(600.0)
        leave = Leave.NOW
        await on.clock.advance(60.0)
        first, second = on.api.offers
        assert first["generated_time"] == second["generated_time"] and on.statuses() == ["delivered"]


@pytest.mark.parametrize("row_only", [False, True])
async def test_what_was_last_seen_of_masakari_is_not_told_of_it_while_all_that_waits_is_silenced(
    row_only: bool,
) -> None:
    """Nobody asks it anything meanwhile, and that may be for days."""
    leave = Leave.NOW
    broken = Unreachable("503", maybe_accepted=True, row_only=row_only)
    async with stage(lambda told: broken, may_offer=lambda row: leave) as on:
        await on.submit(on.report("a"), on.report("a"))
        assert on.delivery.trouble == "503"
        leave = Leave.SILENCED
        assert on.delivery.trouble == "", "it is known at once, however long the pause until the next try"
        await on.clock.advance(600.0)
        await on.submit(on.report("b"))
        assert (on.delivery.shut, on.delivery.trouble, on.outbox.waiting) == ("", "", 3)
        leave = Leave.NOW
        assert on.delivery.trouble == "503", "the same when the silence ends"
        await on.clock.advance(POLICY.retry_interval)
        assert on.delivery.trouble == "503"


async def test_what_is_silenced_is_taken_back_when_it_is_over_and_ended_when_it_is_nobodys() -> None:
    leave = Leave.SILENCED
    async with stage(may_offer=lambda row: leave) as on:
        await on.submit(on.report("a"), on.report("b"))
        await on.clock.advance(5.0)
        await on.submit(Withdraw("process:a", "it runs again"))
        leave = Leave.NEVER
        await on.clock.advance(SILENCED_AGAIN)
        assert (on.statuses(), on.names()) == (["withdrawn", "withdrawn"], [])


async def test_what_is_held_after_it_was_silenced_has_its_whole_time_before_that_is_an_alarm() -> None:
    told: list[str] = []
    leave = Leave.LATER
    async with stage(may_offer=lambda row: leave, on_fault=told.append) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(PATIENCE - 5.0)
        leave = Leave.SILENCED
        await on.clock.advance(600.0)
        leave = Leave.LATER
        await on.clock.advance(PATIENCE - SILENCED_AGAIN)
        assert told == []
        await on.clock.advance(2 * SILENCED_AGAIN)
        assert len(told) == 1


@pytest.mark.parametrize(("away", "fresh"), [(600.0, False), (26 * 3600.0, True)])
async def test_what_was_silenced_in_an_earlier_run_is_told_with_the_time_at_which_it_goes(
    away: float, fresh: bool
) -> None:
    """The silence was over when nobody ran: who remembers that it held this? And masakari gives up what is old."""
    clock, store = FakeClock(), MemoryStore()
    async with stage(may_offer=lambda row: Leave.SILENCED, clock=clock, store=store) as on:
        await on.submit(on.report("a"))
    await clock.advance(away)
    async with stage(clock=clock, store=store) as on:
        await clock.advance(2.0)
        (offer,) = on.api.offers
        (row,) = on.rows()
    stamp = datetime.datetime.fromisoformat(offer["generated_time"]).replace(tzinfo=datetime.UTC)
    assert ((clock.now().wall - stamp).total_seconds() < 5.0) is fresh
    assert row.status.value == "delivered" and (row.made_at - EPOCH).total_seconds() < 1.0
