"""Whether masakari has a report already: one answer to each question, whatever masakari does."""

import asyncio
import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.observation import CheckLife, LookUpReports, ReportsFound
from masakarimonitors.hostmonitor.effects.reports import ReportLookups
from masakarimonitors.masakari_lists import ReportFinder, hosts_of, segments
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.fake_lists import FakeLists

NORMAL = LookUpReports("node05", EPOCH, HostStatus.NORMAL, 7)


def stopped(host_status: str = "NORMAL", event: str = "STOPPED") -> dict[str, str]:
    return {"event": event, "cluster_status": "OFFLINE", "host_status": host_status}


def at(seconds: float) -> str:
    moment = EPOCH + datetime.timedelta(seconds=seconds)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


async def ask(api: Any, command: LookUpReports = NORMAL, patience: float = 60.0) -> ReportsFound:
    answer = await ReportLookups(ReportFinder(api), FakeClock(), patience).perform(command)
    assert isinstance(answer, ReportsFound)
    assert (answer.host, answer.in_reply_to) == (command.host, command)
    return answer


@pytest.mark.parametrize(
    ("host", "payload", "seconds", "found"),
    [
        ("node05", stopped(), 1, True),
        ("node05", stopped("UNKNOWN"), 1, False),
        ("node05", stopped(event="STARTED"), 1, False),
        ("node06", stopped(), 1, False),
        ("node05", stopped(), -5, False),
    ],
    ids=["it", "unproven", "the return", "another host", "an earlier failure"],
)
async def test_only_the_same_failure_of_the_same_host_counts(
    host: str, payload: dict[str, str], seconds: float, found: bool
) -> None:
    api = FakeLists({"all": ["node05", "node06"]})
    api.file(host, "COMPUTE_HOST", payload, at(seconds))
    answer = await ask(api)
    assert answer.found is found
    assert ("notification-1" in answer.evidence) is found


async def test_masakari_that_cannot_be_asked_is_unknown_and_not_no() -> None:
    api = FakeLists()
    api.fails = "down"
    answer = await ask(api)
    assert answer.found is None and "503" in answer.evidence


async def test_masakari_that_hangs_is_unknown_in_time() -> None:
    class Hung:
        async def get(self, path: str) -> Any:
            await asyncio.Event().wait()

    answer = await ask(Hung(), patience=0.01)
    assert answer.found is None and "not answered" in answer.evidence


async def test_other_questions_are_not_its_own() -> None:
    lookups = ReportLookups(ReportFinder(FakeLists()), FakeClock())
    assert await lookups.perform(CheckLife("node05", 1)) is None


@pytest.mark.parametrize("told", ["UNKNOWN", "NORMAL"])
async def test_who_has_told_normal_needs_no_unknown_besides(told: str) -> None:
    api = FakeLists({"all": ["node05"]})
    api.file("node05", "COMPUTE_HOST", stopped(told), at(1))
    answer = await ask(api, LookUpReports("node05", EPOCH, HostStatus.UNKNOWN, 7))
    assert answer.found is True


@pytest.mark.parametrize("status", ["new", "running", "error", "finished", "failed", "ignored"])
@pytest.mark.parametrize("seconds", [-3600, -90000, 1])
async def test_what_masakari_is_at_counts_however_old_it_is(status: str, seconds: int) -> None:
    api = FakeLists({"all": ["node05"]})
    api.file("node05", "COMPUTE_HOST", stopped(), at(seconds), status=status)
    day = EPOCH - datetime.timedelta(days=1)
    answer = await ask(api, replace(NORMAL, unfinished_since=day))
    unfinished = status in ("new", "running", "error") and seconds > -86400
    assert answer.found is (seconds > 0 or unfinished)
    assert answer.finished is (seconds > 0 and status in ("finished", "failed", "ignored"))


@pytest.mark.parametrize(
    ("status", "touched", "found"),
    [
        ("running", -301, False),
        ("error", -301, False),
        ("running", -299, True),
        ("error", -299, True),
        ("new", -301, True),
    ],
)
@pytest.mark.parametrize("ahead", [0, 3600])
async def test_what_its_engine_began_with_too_long_ago_is_nobodys(
    status: str, touched: int, found: bool, ahead: int
) -> None:
    """An engine that ends at its work leaves it running: masakari itself gives it up after a day. By its own clock."""
    api = FakeLists({"all": ["node05"]})
    api.file("node05", "COMPUTE_HOST", stopped(), at(-3600), created=at(ahead - 3600), status=status)
    api.notifications[-1]["updated_at"] = at(ahead + touched)
    api.date = EPOCH + datetime.timedelta(seconds=ahead)
    question = replace(
        NORMAL,
        unfinished_since=EPOCH - datetime.timedelta(days=1),
        touched_since=EPOCH - datetime.timedelta(seconds=300 - 1),
    )
    answer = await ask(api, question)
    assert answer.found is found and not answer.finished


@pytest.mark.parametrize("status", ["new", "running", "error", "finished", "failed", "ignored"])
@pytest.mark.parametrize("failed", [60, 19])
async def test_a_failure_that_was_over_before_this_one_does_not_count(status: str, failed: int) -> None:
    """But who was told back only after this one was first seen may have been seen otherwise by somebody else."""
    api = FakeLists({"all": ["node05"]})
    api.file("node05", "COMPUTE_HOST", stopped(), at(10), status=status)
    api.file("node05", "COMPUTE_HOST", stopped(event="STARTED"), at(20), status="finished")
    answer = await ask(api, replace(NORMAL, failed=EPOCH + datetime.timedelta(seconds=failed)))
    ended = status in ("finished", "failed", "ignored")
    assert answer.found is not (ended and failed == 60)


@pytest.mark.parametrize("status", ["new", "running", "error", "finished", "failed", "ignored"])
@pytest.mark.parametrize("newest", [True, False])
async def test_whether_its_engine_has_ended_with_every_report_of_a_host(status: str, newest: bool) -> None:
    """Of two that workers took at the same time, or that two monitors have told, one may be under way still."""
    api = FakeLists({"all": ["node05", "node06"]})
    for seconds, one in ((1, status if newest else "finished"), (2, "finished" if newest else status)):
        api.file("node05", "COMPUTE_HOST", stopped(), at(seconds), status=one)
    api.file("node06", "COMPUTE_HOST", stopped(), at(3), status="running")
    api.file("node05", "COMPUTE_HOST", stopped("UNKNOWN"), at(3), status="new")
    api.file("node05", "COMPUTE_HOST", stopped(event="STARTED"), at(4), status="new")
    answer = await ask(api, replace(NORMAL, every=True))
    assert answer.found is True
    assert answer.finished is (status in ("finished", "failed", "ignored"))
    assert (await ask(api, replace(NORMAL, every=True, host="node07"))).found is False
    api.fails = "down"
    assert (await ask(api, replace(NORMAL, every=True))).found is None


@pytest.mark.parametrize("flagged", [True, False])
async def test_a_hosts_flag_is_read_with_one_request_where_it_is_asked(flagged: bool) -> None:
    api = FakeLists({"all": ["node05", "node06"]})
    api.on_maintenance = {"node05"} if flagged else set()
    finder = ReportFinder(api)
    lookups = ReportLookups(finder, FakeClock())
    for segment in await segments(api):
        finder.learn(await hosts_of(api, segment))
    asked = len(api.asked)
    plain = await lookups.perform(NORMAL)
    assert plain is not None and plain.on_maintenance is None
    without = len(api.asked) - asked
    answer = await lookups.perform(replace(NORMAL, flag=True))
    assert answer is not None and answer.on_maintenance is flagged
    assert len(api.asked) - asked == 2 * without + 1


async def test_the_flag_of_a_host_that_no_listing_has_shown_is_not_known() -> None:
    answer = await ask(FakeLists({"all": ["node05"]}), replace(NORMAL, flag=True))
    assert answer.on_maintenance is None and answer.found is False


@pytest.mark.parametrize(("created", "found"), [(1, True), (-60, False)], ids=["since then", "before"])
async def test_a_report_of_a_monitor_whose_clock_is_behind_counts_by_masakaris_own(
    created: int, found: bool
) -> None:
    """masakari's list of what was generated since then goes by the sender's clock, and lacks it."""
    api = FakeLists({"all": ["node05", "node06"]})
    api.file("node05", "COMPUTE_HOST", stopped(), at(created - 3600), created=at(created))
    api.file("node06", "COMPUTE_HOST", stopped(), at(1 - 3600), created=at(1))
    finder = ReportFinder(api)
    for segment in await segments(api):
        finder.learn(await hosts_of(api, segment))
    answer = await ReportLookups(finder, FakeClock()).perform(NORMAL)
    assert isinstance(answer, ReportsFound) and answer.found is found
