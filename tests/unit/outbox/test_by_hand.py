"""A report retried or dropped by hand: what is done, what is not, and who is named for it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.notification import Leave, ReportStatus
from masakarimonitors.masakari_answers import Delivered, Duplicate, Outcome, Unreachable
from masakarimonitors.outbox.by_hand import Act, Asked, ByHand, Done
from masakarimonitors.outbox.rows import Put, Row, Write
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_clock import settle
from tests.fixtures.waiting import eventually
from tests.unit.outbox.delivery.test_delivery import Stage, stage

WHO = "uid 0 (root)"


class Hand:
    def __init__(self, on: Stage, may_offer: Callable[[Row], Leave]) -> None:
        self.on = on
        self.told: list[Verdict] = []
        self._hand = ByHand(
            on.outbox, on.delivery, on.clock, may_offer=may_offer, on_dropped=self.told.append
        )

    async def do(self, act: Act, row: int = 1, why: str = "") -> Done:
        done = await self._hand.do(Asked(act=act, row=row, who=WHO, why=why))
        await settle()
        return done


def away(notification: dict[str, Any]) -> Outcome:
    return Unreachable("connection refused", maybe_accepted=False)


def lost(notification: dict[str, Any]) -> Outcome:
    return Unreachable("no answer within 30 s", maybe_accepted=True)


@contextlib.asynccontextmanager
async def hand(
    answer: Callable[[dict[str, Any]], Outcome] | None = None,
    may_offer: Callable[[Row], Leave] = lambda row: Leave.NOW,
    store: MemoryStore | None = None,
) -> AsyncIterator[Hand]:
    async with stage(answer, may_offer=may_offer, store=store) as on:
        yield Hand(on, may_offer)


async def test_what_waits_for_the_api_is_offered_at_once() -> None:
    async with hand(away) as by:
        await by.on.submit(by.on.report("x"))
        for _ in range(4):
            await by.on.clock.advance(60.0)
        tries = len(by.on.api.offers)
        by.on.api.answer = lambda notification: Delivered("202")
        assert (await by.do(Act.RETRY)).done
        assert len(by.on.api.offers) == tries + 1, "no time has passed"
        assert by.on.statuses() == ["delivered"]
        assert by.told == [], "nothing was ruled"


async def test_a_retry_names_who_wants_it(caplog: pytest.LogCaptureFixture) -> None:
    async with hand(away) as by:
        await by.on.submit(by.on.report("x"))
        with caplog.at_level(logging.INFO):
            await by.do(Act.RETRY)
    (record,) = [one for one in caplog.records if getattr(one, "event", "") == "report.retried"]
    assert WHO in record.getMessage() and getattr(record, "report_id", "") == "1"


async def test_a_report_of_the_last_life_goes_no_sooner_because_somebody_wants_it() -> None:
    store = MemoryStore()
    async with hand(away, store=store) as by:
        await by.on.submit(by.on.report("x"))
    async with stage(store=store, confirmed=False) as on:
        done = await Hand(on, lambda row: Leave.NOW).do(Act.RETRY)
        await on.clock.advance(600.0)
        assert not done.done and "before the monitor's last start" in done.said
        assert on.api.offers == []
        assert (await Hand(on, lambda row: Leave.NOW).do(Act.DROP)).done


class OnDisk(MemoryStore):
    """It is written by another thread, and keeps whether it was asked to be synced."""

    blocks = True

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[str] = []

    def write(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        rows = [write for write in writes if isinstance(write, Put)]
        self.synced += [write.row.status.value for write in rows if write.durable]


async def test_what_is_dropped_is_on_disk_when_that_is_said() -> None:
    """Killed after that, the monitor would find a report that waits, and tell masakari after all."""
    store = OnDisk()
    async with stage(away, store=store) as on:
        on.outbox.submit([on.report("x")], on.clock.now())
        await eventually(lambda: bool(on.api.offers), "it to be offered")
        by = ByHand(
            on.outbox,
            on.delivery,
            on.clock,
            may_offer=lambda row: Leave.NOW,
            on_dropped=lambda verdict: None,
        )
        done = await by.do(Asked(act=Act.DROP, row=1, who=WHO))
        assert store.synced[-1] == "withdrawn"
        assert done.done and "on disk" not in done.said


async def test_that_a_drop_is_not_on_disk_is_said() -> None:
    async with hand(away) as by:
        await by.on.submit(by.on.report("x"))
        done = await by.do(Act.DROP)
        assert done.done and "That is not on disk (reports are kept in memory" in done.said


async def test_a_duplicate_is_not_sent_into_its_window_again() -> None:
    async with hand(lambda notification: Duplicate("409")) as by:
        await by.on.submit(by.on.report("x"))
        tries = len(by.on.api.offers)
        done = await by.do(Act.RETRY)
        assert not done.done and "duplicate of an earlier report" in done.said
        assert len(by.on.api.offers) == tries


async def test_what_its_monitor_holds_is_not_let_go() -> None:
    async with hand(may_offer=lambda row: Leave.LATER) as by:
        await by.on.submit(by.on.report("x"))
        done = await by.do(Act.RETRY)
        assert not done.done and "does not let it leave" in done.said
        assert by.on.api.offers == []


async def test_what_is_being_offered_is_left_to_that() -> None:
    async with hand() as by:
        by.on.api.hold = asyncio.Event()
        await by.on.submit(by.on.report("x"))
        done = await by.do(Act.RETRY)
        assert not done.done and "at this very moment" in done.said
        assert "may have arrived" in (await by.do(Act.DROP)).said


async def test_a_dropped_report_is_never_sent_and_is_a_verdict_with_a_name() -> None:
    async with hand(away) as by:
        await by.on.submit(by.on.report("x"))
        offers = len(by.on.api.offers)
        done = await by.do(Act.DROP, why="node05 was scrapped")
        await by.on.clock.advance(3000.0)
        assert done.done and len(by.on.api.offers) == offers
        (row,) = by.on.rows()
        assert row.status is ReportStatus.WITHDRAWN
        assert WHO in row.answer and "node05 was scrapped" in row.answer
        (verdict,) = by.told
        assert (verdict.subject, verdict.ruling, verdict.alarm) == (row.subject, Ruling.WITHDRAWN, True)
        assert WHO in verdict.why and "node05 was scrapped" in verdict.why


async def test_of_one_that_may_have_arrived_nobody_says_that_masakari_does_not_have_it() -> None:
    """What is kept of it, and its verdict, are all that anybody reads later."""
    async with hand(lost) as by:
        await by.on.submit(by.on.report("x"))
        await by.do(Act.DROP)
        (row,) = by.on.rows()
        assert row.answer.endswith(
            "masakari may have it all the same, since the answer to an earlier try was lost"
        )
        assert by.told[0].why == row.answer
    async with hand() as by:
        by.on.api.hold = asyncio.Event()
        await by.on.submit(by.on.report("x"))
        await by.do(Act.DROP)
        assert by.told[0].why.endswith("since it was being offered at that moment")


async def test_one_dropped_report_holds_up_no_other() -> None:
    async with hand(away) as by:
        await by.on.submit(by.on.report("x"), by.on.report("y"))
        await by.do(Act.DROP, 1)
        by.on.api.answer = lambda notification: Delivered("202")
        await by.on.clock.advance(600.0)
        assert by.on.statuses() == ["withdrawn", "delivered"]


@pytest.mark.parametrize("act", list(Act))
async def test_what_has_ended_or_never_was_is_left_alone(act: Act) -> None:
    async with hand() as by:
        await by.on.submit(by.on.report("x"))
        for row in (1, 99):
            done = await by.do(act, row)
            assert not done.done and "does not wait any more" in done.said
        assert by.on.statuses() == ["delivered"] and by.told == []
