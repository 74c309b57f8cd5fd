"""What an answer means when it proves nothing by itself: masakari's own notifications decide."""

import asyncio
import datetime
import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Notify, Withdraw
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ProcessNotification,
    ReportStatus,
)
from masakarimonitors.masakari_answers import Delivered, Duplicate, Outcome, Refused, Unreachable, judge
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.fake_lists import FakeLists
from tests.unit.outbox.delivery.test_delivery import POLICY, script, stage


def arriving(*, filed: Sequence[tuple[str, float, str]] = (), fails: str = "") -> tuple[FakeLists, Arrivals]:
    """What masakari has: (event, seconds since the clock began, host_status) of node05, or nothing that it tells."""
    lists = FakeLists({"all": ["node05"]})
    lists.fails = fails
    for event, seconds, host_status in filed:
        told, got = (
            (EPOCH + datetime.timedelta(seconds=at)).replace(tzinfo=None).isoformat()
            for at in (seconds, min(seconds, -300.0) if seconds > 60 else seconds)
        )
        lists.file("node05", "COMPUTE_HOST", _payload(event, host_status), told, created=got)
    return lists, Arrivals(ReportFinder(lists))


def _payload(event: str, host_status: str = "NORMAL") -> dict[str, str]:
    return host(event, HostStatus(host_status)).payload


def host(
    event: str, host_status: HostStatus = HostStatus.NORMAL, at: datetime.datetime = EPOCH
) -> HostNotification:
    cluster = ClusterStatus.ONLINE if event == "STARTED" else ClusterStatus.OFFLINE
    return HostNotification(
        "node05", at, event=HostEvent(event), cluster_status=cluster, host_status=host_status
    )


LOST = Unreachable("timed out", maybe_accepted=True)
TAKEN, STRANGE = judge(202, ""), judge(409, "<html>Conflict</html>")
RESTING = Refused("409 under maintenance", "HA is off", maintenance=True)
OURS, OTHERS, OLDER, UNPROVEN = (
    ("STOPPED", 0.0, "NORMAL"),
    ("STOPPED", 10.0, "NORMAL"),
    # It may be about the outage before, which ended: the decision knows, and looks itself.
    ("STOPPED", -20.0, "NORMAL"),
    ("STOPPED", 0.0, "UNKNOWN"),
)
AHEAD = ("STOPPED", 3600.0, "NORMAL")


@pytest.mark.parametrize(
    ("answers", "filed", "status"),
    [
        ([LOST, Duplicate("409")], [OURS], "delivered"),
        ([LOST, Duplicate("409")], [OTHERS], "delivered"),
        ([LOST, Duplicate("409")], [OLDER], "pending"),
        ([LOST, Duplicate("409")], [AHEAD], "pending"),
        ([LOST, Duplicate("409")], [UNPROVEN], "pending"),
        ([LOST, RESTING], [OURS], "delivered"),
        ([LOST, RESTING], [OLDER], "refused"),
        ([RESTING], [OTHERS], "delivered"),
        ([Duplicate("409")], [OTHERS], "delivered"),
        ([Duplicate("409")], [OLDER], "pending"),
        ([RESTING], [], "refused"),
        ([LOST, Refused("400", "unregistered")], [OURS], "refused"),
        # A gateway keeps masakari-api's words.
        ([TAKEN, STRANGE, STRANGE], [OURS], "delivered"),
        ([LOST, STRANGE, STRANGE], [OURS], "delivered"),
        ([judge(200, "")] * 3, [OURS], "delivered"),
        # It takes everything, or refuses it.
        ([TAKEN, TAKEN, TAKEN], [OLDER], "pending"),
        ([STRANGE, STRANGE, STRANGE], [], "pending"),
    ],
)
async def test_what_masakari_has_decides_where_its_answer_proves_nothing(
    answers: Sequence[Outcome], filed: Sequence[tuple[str, float, str]], status: str
) -> None:
    _, arrivals = arriving(filed=filed)
    async with stage(script(answers), arrivals=arrivals) as on:
        await on.submit(Notify(host("STOPPED"), "it is down"))
        await on.clock.advance(POLICY.retry_interval * 2)
        assert on.statuses() == [status]
        if status == "delivered":
            assert "notification-1" in on.rows()[0].answer


@pytest.mark.parametrize(
    ("last", "status"), [(Duplicate("409"), "delivered"), (RESTING, "refused")], ids=["duplicate", "resting"]
)
async def test_masakari_that_cannot_be_asked_leaves_the_answer_as_it_was(last: Outcome, status: str) -> None:
    _, arrivals = arriving(fails="down")
    async with stage(script([LOST, last]), arrivals=arrivals) as on:
        await on.submit(Notify(host("STOPPED"), "it is down"))
        await on.clock.advance(POLICY.retry_interval)
        assert on.statuses() == [status]
        assert "cannot be read" in on.rows()[0].answer


async def test_a_report_that_came_behind_a_gateway_without_words_is_offered_once_and_followed() -> None:
    lists, arrivals = arriving(filed=[OURS])
    async with stage(lambda notification: TAKEN, arrivals=arrivals) as on:
        await on.submit(Notify(host("STOPPED"), "it is down"), on.report("a"))
        await on.clock.advance(POLICY.retry_interval * 3)
        assert on.statuses() == ["delivered", "pending"] and on.rows()[0].followed == "notification-1"
        assert [offer["type"] for offer in on.api.offers].count("COMPUTE_HOST") == 1
        lists.fails = "down"
        await on.clock.advance(POLICY.retry_interval * 3)
        assert on.statuses()[1] == "pending" and "cannot be read" in on.rows()[1].answer and on.delivery.shut


async def test_a_duplicate_of_what_was_never_offered_and_no_other_monitor_sends_needs_no_question() -> None:
    lists, arrivals = arriving(filed=[OTHERS])
    async with stage(script([Duplicate("409")]), arrivals=arrivals) as on:
        await on.clock.advance(1)
        await on.submit(on.report("a"))
        assert (on.statuses(), lists.asked) == (["pending"], [])


@pytest.mark.parametrize("last", [Duplicate("409"), RESTING], ids=["duplicate", "resting"])
async def test_what_an_earlier_run_may_have_told_when_its_disk_took_nothing_is_looked_up(
    last: Outcome,
) -> None:
    """On disk it waits, and was never offered; told with a new time it would be acted on a second time."""
    clock, lists = FakeClock(), FakeLists({"all": ["compute-1"]})
    died = ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, "a")
    lists.file("compute-1", "PROCESS", died.payload, died.generated_time.replace(tzinfo=None).isoformat())
    store = MemoryStore()
    store.write([Put(Row.new(1, died, "it died", clock.now()), durable=True)])
    await clock.advance(1.0)
    async with stage(
        lambda notification: last, store=store, clock=clock, arrivals=Arrivals(ReportFinder(lists))
    ) as on:
        await clock.advance(500.0)
        assert on.statuses() == ["delivered"] and len(on.api.offers) == 1


async def test_a_duplicate_of_what_was_never_offered_is_no_delivery_when_masakari_cannot_be_asked() -> None:
    _, arrivals = arriving(fails="down")
    async with stage(script([Duplicate("409")]), arrivals=arrivals) as on:
        await on.submit(Notify(host("STOPPED"), "it is down"))
        assert on.statuses() == ["pending"]


async def test_a_return_that_masakari_does_not_want_to_hear_of_is_expected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settled = list[Row]()
    async with stage(lambda notification: RESTING, on_settled=settled.append) as on:
        with caplog.at_level(logging.INFO):
            await on.submit(Notify(host("STARTED"), "it is back"))
        assert on.statuses() == ["withdrawn"]
        assert "as always after a recovery" in on.rows()[0].answer
        assert on.outbox.counts[ReportStatus.REFUSED] == 0
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert "--on_maintenance False" in caplog.text and "--enable <host> nova-compute" in caplog.text
    assert [row.status for row in settled] == [ReportStatus.WITHDRAWN]


async def test_a_report_made_again_is_known_again_by_its_own_duplicate() -> None:
    """As after a restart, or when its subject was out of sight for a moment, with the first offer in flight."""
    async with stage() as on:
        on.api.hold = asyncio.Event()
        await on.submit(on.report("a"))
        await on.submit(Withdraw("process:a", "it cannot be seen"), on.report("a"))
        on.api.answer = script([Delivered("202"), Duplicate("409")])
        on.api.hold.set()
        await on.clock.advance(POLICY.duplicate_window * 2)
        assert (on.statuses(), len(on.api.offers)) == (["delivered", "delivered"], 2)


@pytest.mark.parametrize(("again", "status"), [(True, "delivered"), (False, "pending")])
async def test_a_report_that_may_have_been_made_before_is_in_doubt_from_the_start(
    again: bool, status: str
) -> None:
    async with stage(script([Duplicate("409")])) as on:
        await on.submit(replace(on.report("a"), again=again))
        assert (on.statuses(), len(on.api.offers)) == ([status], 1)


async def test_a_report_made_anew_after_it_expired_has_nothing_of_the_old_one() -> None:
    async with stage(lambda notification: Unreachable("503 down", maybe_accepted=False)) as on:
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.expiry + POLICY.backoff_limit)
        on.api.offers.clear()
        on.api.answer = lambda notification: Delivered("202")
        await on.submit(on.report("a"))
        await on.clock.advance(POLICY.backoff_limit)
        assert on.statuses() == ["expired", "delivered"]
        (offer,) = on.api.offers
        assert offer["generated_time"] > "2026-01-01T01"
