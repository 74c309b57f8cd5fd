"""Whether masakari has a row: by its own stamps, or, of a host's failure, by another monitor's report."""

import asyncio
import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Notification,
    ProcessNotification,
)
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.fates import Presence
from masakarimonitors.outbox.rows import Row
from tests.fixtures.fake_lists import FakeLists

T0 = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def moment(seconds: float) -> Instant:
    return Instant(1000.0 + seconds, T0 + datetime.timedelta(seconds=seconds))


DOWN = HostNotification(
    "c1",
    T0,
    event=HostEvent.STOPPED,
    cluster_status=ClusterStatus.OFFLINE,
    host_status=HostStatus.NORMAL,
)
DIED = ProcessNotification("c1", T0, HostEvent.STOPPED, "nova-compute")


def wire(seconds: float) -> str:
    return moment(seconds).wall.replace(tzinfo=None).isoformat(timespec="microseconds")


def filed(notification: Notification, seconds: float, created: float | None = None) -> FakeLists:
    lists = FakeLists({"all": ["c1", "c2"]})
    got = wire(seconds if created is None else created)
    lists.file(notification.hostname, notification.type, notification.payload, wire(seconds), created=got)
    return lists


@pytest.mark.parametrize(
    ("notification", "seconds", "there"),
    [
        (DOWN, 0.0, True),
        (DOWN, -20.0, False),
        (DOWN, 25.0, True),
        (DIED, 0.0, True),
        (DIED, 0.9, True),
        (DIED, -20.0, False),
        (DIED, 20.0, False),
        (DIED, 185.0, True),
    ],
)
async def test_a_row_is_there_by_its_stamps_and_a_host_s_failure_by_anybody_s(
    notification: Notification, seconds: float, there: bool
) -> None:
    row = Row.new(1, notification, "", moment(0))
    if seconds == 185.0:
        row = row.restamped(moment(185.0))
    seen = await Arrivals(ReportFinder(filed(notification, seconds))).look(row, moment(30))
    assert seen.presence is (Presence.THERE if there else Presence.ABSENT)
    assert ("notification-1" in seen.evidence) is there


@pytest.mark.parametrize(("since", "there"), [(None, False), (-3.0, False), (-30.0, True), (50.0, False)])
async def test_a_host_s_failure_is_there_by_what_another_told_before_the_row_was_made(
    since: float | None, there: bool
) -> None:
    row = Row.new(1, DOWN, "", moment(0))
    row = replace(row, since=None if since is None else moment(since).wall)
    # It was generated 20 s before this row, and masakari got it 2 s after that was made.
    seen = await Arrivals(ReportFinder(filed(DOWN, -20.0, created=2.0))).look(row, moment(30))
    assert seen.presence is (Presence.THERE if there else Presence.ABSENT)


async def test_another_host_or_another_content_is_not_it() -> None:
    finder = ReportFinder(filed(replace(DOWN, hostname="c2"), 0.0))
    assert (
        await Arrivals(finder).look(Row.new(1, DOWN, "", moment(0)), moment(1))
    ).presence is Presence.ABSENT
    finder = ReportFinder(filed(replace(DOWN, host_status=HostStatus.UNKNOWN), 0.0))
    assert (
        await Arrivals(finder).look(Row.new(1, DOWN, "", moment(0)), moment(1))
    ).presence is Presence.ABSENT


@pytest.mark.parametrize("asked_after", [10.0, 4000.0])
async def test_an_older_report_from_a_clock_that_was_ahead_is_not_it_even_when_its_time_has_come(
    asked_after: float,
) -> None:
    row = Row.new(1, DOWN, "", moment(0))
    seen = await Arrivals(ReportFinder(filed(DOWN, 3600.0, created=-300.0))).look(row, moment(asked_after))
    assert seen.presence is Presence.ABSENT
    same_failure = filed(DOWN, 3600.0, created=5.0)
    seen = await Arrivals(ReportFinder(same_failure)).look(row, moment(asked_after))
    assert seen.presence is Presence.THERE


async def test_a_clock_of_ours_that_was_set_back_hides_nothing() -> None:
    row = Row.new(1, DIED, "", moment(0))
    seen = await Arrivals(ReportFinder(filed(DIED, 0.0))).look(row, moment(-3600))
    assert seen.presence is Presence.THERE


RETURN = HostNotification(
    "c1",
    T0,
    event=HostEvent.STARTED,
    cluster_status=ClusterStatus.ONLINE,
    host_status=HostStatus.NORMAL,
)


@pytest.mark.parametrize(("back", "there"), [(-10.0, False), (-30.0, True), (1.0, True)])
@pytest.mark.parametrize("own", [False, True])
async def test_a_failure_that_was_over_before_the_row_was_made_is_not_it(
    back: float, there: bool, own: bool
) -> None:
    lists = FakeLists({"all": ["c1"]})
    told = [(DOWN, -20.0), (RETURN, back)]
    for notification, stamp in sorted(told, key=lambda one: one[1]):
        lists.file("c1", notification.type, notification.payload, wire(stamp), status="finished")
    made = moment(-20.0 if own else 0.0)
    row = replace(Row.new(1, replace(DOWN, generated_time=made.wall), "", made), since=moment(-180).wall)
    seen = await Arrivals(ReportFinder(lists)).look(row, moment(30))
    assert seen.presence is (Presence.THERE if there or own else Presence.ABSENT)


class Hung:
    async def get(self, path: str) -> Any:
        await asyncio.Event().wait()


async def test_what_cannot_be_known_is_unknown() -> None:
    row = Row.new(1, DOWN, "", moment(0))
    down = filed(DOWN, 0.0)
    down.fails = "down"
    for looking, looked_at in (
        (Arrivals(), row),
        (Arrivals(ReportFinder(filed(DOWN, 0.0))), replace(row, notification=None)),
        (Arrivals(ReportFinder(down)), row),
        (Arrivals(ReportFinder(Hung()), patience=0.01), row),
    ):
        seen = await looking.look(looked_at, moment(1))
        assert seen.presence is Presence.UNKNOWN and seen.evidence


@pytest.mark.parametrize("made", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00"])
async def test_a_row_whose_times_are_out_of_all_reason_is_not_the_end_of_whoever_asks(made: str) -> None:
    row = replace(Row.new(1, DIED, "it died", moment(0)), made_at=datetime.datetime.fromisoformat(made))
    lists = FakeLists({"all": ["c1"]})
    lists.file("c1", "PROCESS", {"event": "STOPPED"}, wire(0))
    arrival = await Arrivals(ReportFinder(lists)).look(row, moment(60))
    assert arrival.presence in (Presence.UNKNOWN, Presence.ABSENT)
