"""What an earlier reporter has delivered is followed by the one that reports now, and by nobody else beside it."""

import asyncio
import contextlib
import datetime
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from masakarimonitors.core.notification import HostStatus, Notification
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, with_followed, with_owed
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection
from masakarimonitors.hostmonitor.sources.inherited import BEGIN, DAY, WHERE, Inherited
from masakarimonitors.masakari_lists import ReportFinder, hosts_of, segments
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_lists import FakeLists

NORMAL = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}
BACK = {"event": "STARTED", "cluster_status": "ONLINE", "host_status": "NORMAL"}


@dataclass
class Stage:
    """Masakari with two hosts, and who follows what."""

    clock: FakeClock
    api: FakeLists
    inherited: Inherited
    taken: list[tuple[str, str]] = field(default_factory=list)
    followed: set[str] = field(default_factory=set)

    def follows(self, subject: str) -> bool:
        return subject in self.followed

    def take_over(self, notification: Notification, uuid: str, why: str) -> None:
        self.taken.append((notification.subject, uuid))

    def file(self, host: str = "n1", payload: Mapping[str, str] = NORMAL, *, status: str = "new") -> str:
        stamp = self.clock.now().wall.replace(tzinfo=None).isoformat(timespec="microseconds")
        return self.api.file(host, "COMPUTE_HOST", payload, stamp, status=status)

    def entry(self, status: HostStatus = HostStatus.NORMAL, *, delivered: bool = True) -> LedgerEntry:
        return LedgerEntry(status, self.clock.now().wall, delivered=delivered)

    def leads(self, ledger: Mapping[str, LedgerEntry] | None) -> None:
        self.inherited.hear(Leader(why="", at=self.clock.now(), ledger=ledger, good_for=15.0))

    def follow(self, ledger: Mapping[str, LedgerEntry] | None, leader: str = "n9") -> None:
        self.inherited.hear(Follower(leader=leader, why="", at=self.clock.now(), ledger=ledger))


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    clock, api = FakeClock(), FakeLists({"all": ["n1", "n2"]})
    finder = ReportFinder(api)
    for segment in await segments(api):
        finder.learn(await hosts_of(api, segment))
    api.asked.clear()
    on = Stage(clock, api, Inherited(finder, clock))
    on.inherited.watch_following(on)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(on.inherited.run(lambda seen: None))
        yield on
        running.cancel()


@pytest.mark.parametrize("status", ["new", "running", "error", "failed", "ignored"])
async def test_whoever_comes_to_report_follows_what_the_ledger_names_by_one_request(status: str) -> None:
    async with stage() as on:
        uuid = on.file(status=status)
        on.leads({"n1": on.entry()})
        await on.clock.advance(BEGIN - 1)
        assert not on.api.asked
        await on.clock.advance(2)
        assert on.taken == [("host:n1", uuid)] and len(on.api.asked) == 1


async def test_what_is_owed_after_an_outage_is_followed_too() -> None:
    async with stage() as on:
        uuid = on.file()
        since = on.clock.now().wall.isoformat()
        on.leads(
            with_owed({}, {"n1": {"owed": "TAKEN", "at": since, "told": since}, "n2": {"owed": "MAYBE"}})
        )
        await on.clock.advance(BEGIN + 1)
        assert on.taken == [("host:n1", uuid)]


async def test_a_report_of_which_its_reporter_had_no_time_to_note_the_delivery_is_followed() -> None:
    async with stage() as on:
        uuid = on.file()
        on.leads({"n1": on.entry(delivered=False)})
        await on.clock.advance(BEGIN + 1)
        assert on.taken == [("host:n1", uuid)]


async def test_what_is_ended_or_asks_for_no_recovery_or_is_followed_here_needs_nobody() -> None:
    async with stage() as on:
        on.file(status="finished")
        on.file(payload=BACK)
        on.followed.add("host:n2")
        ledger = {"n1": on.entry(), "n2": on.entry(), "n3": on.entry(HostStatus.UNKNOWN)}
        on.leads(ledger)
        await on.clock.advance(2 * BEGIN + 20)
        assert on.taken == [] and len(on.api.asked) == 1


async def test_each_term_reads_the_ledger_once_and_what_another_reports_is_its_own_to_follow() -> None:
    async with stage() as on:
        on.file()
        ledger = {"n1": on.entry()}
        on.leads(ledger)
        on.leads({"n2": on.entry()})
        on.follow(with_followed(ledger, "N9"))
        await on.clock.advance(BEGIN + 20)
        assert on.taken == [] and not on.api.asked
        on.leads(None)
        assert on.inherited.left_to("host:n1") == "", "who reports leaves nothing to others"
        on.leads(ledger)
        await on.clock.advance(BEGIN + 20)
        assert [subject for subject, _ in on.taken] == ["host:n1"]


async def test_who_is_no_reporter_any_more_leaves_to_the_reporter_what_that_says_it_follows() -> None:
    async with stage() as on:
        told = on.clock.now().wall.isoformat()
        ledger = with_owed({"n1": on.entry()}, {"N2": {"owed": "OUT", "at": told, "told": told}})
        on.follow(ledger)
        assert on.inherited.left_to("host:n1") == "", "a reporter of an earlier release follows nothing"
        on.follow(with_followed(ledger, "N9"))
        assert [on.inherited.left_to(f"host:{name}") for name in ("n1", "n2", "n3")] == ["n9", "n9", ""]
        on.follow(with_followed(ledger, "n8"))
        assert on.inherited.left_to("host:n1") == "", (
            "nor is it told before that one has written its own ledger"
        )
        on.follow(with_followed(ledger, "n9"))
        on.inherited.hear(NoElection(why="", since=0.0, at=on.clock.now()))
        assert on.inherited.left_to("host:n1") == "", "where nobody reports, each follows what it has told"


async def test_where_masakari_cannot_be_read_it_is_said_and_asked_again() -> None:
    async with stage() as on:
        uuid = on.file()
        on.leads({"n1": on.entry()})
        on.api.fails = "down"
        await on.clock.advance(BEGIN + 1)
        (row,) = on.inherited.alarms()
        assert (row.subject, row.state, row.alarm) == (WHERE, "unread", False) and "n1" in row.detail
        await on.clock.advance(1300)
        assert [row.alarm for row in on.inherited.alarms()] == [True] and len(on.api.asked) == 3
        on.api.fails = ""
        await on.clock.advance(3000)
        assert on.taken == [("host:n1", uuid)] and not on.inherited.alarms()


async def test_what_masakari_does_not_list_is_asked_for_twice_and_then_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        on.leads({"n1": on.entry(), "n2": on.entry(delivered=False)})
        with caplog.at_level(logging.ERROR):
            await on.clock.advance(2 * BEGIN + 20)
        assert len(on.api.asked) == 4 and len(caplog.records) == 1
        assert "n1 failed, and masakari lists no such report" in caplog.text


async def test_what_was_reported_more_than_a_day_ago_is_not_asked_for() -> None:
    async with stage() as on:
        on.file()
        entry = LedgerEntry(
            HostStatus.NORMAL, on.clock.now().wall - datetime.timedelta(seconds=DAY), delivered=True
        )
        on.leads({"n1": entry})
        await on.clock.advance(BEGIN + 1)
        assert on.taken == [] and not on.api.asked


async def test_a_notification_that_makes_no_sense_is_named_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        on.file(payload={**NORMAL, "cluster_status": "?"})
        on.leads({"n1": on.entry()})
        await on.clock.advance(BEGIN + 1)
        assert on.taken == [] and "cannot be followed" in caplog.text
