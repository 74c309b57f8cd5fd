"""Lists read page by page, and a report found among notifications, against lists that a test plays."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import (
    FINISHED,
    ReportFinder,
    Segment,
    Stored,
    hosts_of,
    near,
    notifications,
    over,
    pages,
    see_host,
    segments,
    standing,
)
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_lists import FakeLists

T0 = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
DOWN = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}


def seconds(number: float) -> datetime.datetime:
    return T0 + datetime.timedelta(seconds=number)


def wire(number: float) -> str:
    return seconds(number).replace(tzinfo=None).isoformat(timespec="microseconds")


@pytest.mark.parametrize("longest", [1, 2, 1000])
async def test_a_list_ends_with_a_page_of_nothing_new(longest: int) -> None:
    api = FakeLists({"a": ["n1", "n2", "n3"], "b": []}, longest=longest)
    assert [one.name for one in await segments(api)] == ["b", "a"]
    whole = await hosts_of(api, Segment("uuid-of-a", "a", True))
    assert [one.name for one in whole] == ["n3", "n2", "n1"]
    # The marker is an integer each time, and the last page that is asked for is the empty one.
    markers = [path.partition("marker=")[2] for path in api.asked if "hosts" in path and "marker" in path]
    assert markers[-1] == "1" and all(marker.isdigit() for marker in markers)
    assert await hosts_of(api, Segment("uuid-of-b", "b", True)) == []


class Canned:
    """Gives one document, whatever it is asked."""

    def __init__(self, document: Any) -> None:
        self.document = document

    async def get(self, path: str) -> Any:
        return self.document


async def test_an_api_that_passes_over_the_marker_is_read_once() -> None:
    assert [one["id"] for one in await pages(Canned({"x": [{"id": 2}, {"id": 1}]}), "/x", "x")] == [2, 1]


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"x": 7}, {"x": ["a"]}, {"x": [{}]}, {"x": [{"id": "uuid"}]}, {"x": [{"id": True}]}],
)
async def test_half_a_list_is_a_failure(document: Any) -> None:
    with pytest.raises(LookupFailed):
        await pages(Canned(document), "/x", "x")


@pytest.mark.parametrize("key", ["uuid", "name"])
async def test_a_host_without_uuid_or_name_is_a_failure(key: str) -> None:
    host = {"id": 1, "uuid": "u", "name": "n", "on_maintenance": False} | {key: None}
    with pytest.raises(LookupFailed, match=key):
        await hosts_of(Canned({"hosts": [host]}), Segment("s", "s", True))


async def test_an_api_too_old_to_say_so_has_enabled_segments() -> None:
    (segment,) = await segments(Canned({"segments": [{"id": 1, "uuid": "u", "name": "s"}]}))
    assert segment == Segment("u", "s", True)


async def test_notifications_are_asked_for_by_type_and_time_whole_seconds_included() -> None:
    api = FakeLists({"a": ["n1"]})
    api.file("n1", "COMPUTE_HOST", DOWN, wire(0)[:19])  # as a database of whole seconds has it
    api.file("n1", "VM", DOWN, wire(5))
    api.file("n1", "COMPUTE_HOST", DOWN, wire(-10))
    (found,) = await notifications(api, "COMPUTE_HOST", seconds(0.9))
    assert (found.generated_time, found.payload) == (T0, DOWN)


@pytest.mark.parametrize("key", ["notification_uuid", "source_host_uuid", "generated_time", "created_at"])
@pytest.mark.parametrize("value", [None, ""])
async def test_a_notification_that_says_nothing_is_a_failure(key: str, value: str | None) -> None:
    api = FakeLists({"a": ["n1"]})
    api.file("n1", "VM", DOWN, wire(0))
    broken = Canned({"notifications": [api.notifications[0] | {key: value}]})
    with pytest.raises(LookupFailed):
        await notifications(broken, "VM", T0)


@pytest.mark.parametrize("moment", ["soon", "2026"])
async def test_a_time_that_is_none_is_a_failure(moment: str) -> None:
    api = FakeLists({"a": ["n1"]})
    api.file("n1", "VM", DOWN, moment)
    with pytest.raises(LookupFailed, match="generated_time"):
        await notifications(Canned({"notifications": api.notifications}), "VM", T0)


def normal(stored: Stored, recent: bool) -> bool:
    return recent and stored.payload == DOWN


@pytest.mark.parametrize(
    ("hostname", "generated", "created", "found"),
    [
        ("n1", 0, 0, True),
        ("N1", 0, 0, True),
        ("n2", 0, 0, False),
        ("n1", -2, -2, False),
        ("n1", -2, 5, False),
        ("n1", 29, 29, True),
        ("n1", 3600, 5, True),
        ("n1", 3600, -5, False),
    ],
    ids=[
        "it",
        "other case",
        "other host",
        "before",
        "told late",
        "later",
        "clock ahead",
        "before, clock ahead",
    ],
)
@pytest.mark.parametrize("ahead", [0.0, -900.0, 900.0], ids=["", "API behind", "API ahead"])
async def test_a_report_is_found_by_host_kind_content_and_time(
    hostname: str, generated: float, created: float, found: bool, ahead: float
) -> None:
    api = FakeLists({"a": ["n1", "n2"]})
    api.date = seconds(30 + ahead) if ahead else None
    api.file("n1", "COMPUTE_HOST", DOWN, wire(generated), created=wire(created + ahead))
    api.file("n1", "COMPUTE_HOST", DOWN | {"host_status": "UNKNOWN"}, wire(3), created=wire(3 + ahead))
    finder = ReportFinder(api)
    one = await finder.find(hostname, "COMPUTE_HOST", normal, since=T0, now=seconds(30))
    assert (one is not None) is found
    assert await finder.find(hostname, "VM", normal, since=T0, now=seconds(30)) is None


async def test_what_masakari_got_just_before_it_was_asked_is_recent_however_long_its_answer_takes() -> None:
    """The sender's clock is an hour ahead, so that only masakari's own time tells."""
    api, looks = FakeLists({"a": ["n1"]}), iter([100.0, 120.0])
    api.date = seconds(26)
    api.file("n1", "COMPUTE_HOST", DOWN, wire(3600), created=wire(5))
    finder = ReportFinder(api, looks.__next__)
    assert await finder.find("n1", "COMPUTE_HOST", normal, since=T0, now=seconds(6)) is not None


async def test_a_hosts_name_is_asked_for_once_and_not_at_all_when_it_is_known() -> None:
    api = FakeLists({"a": ["n1"]})
    api.file("n1", "COMPUTE_HOST", DOWN, wire(0))
    finder = ReportFinder(api)
    for _ in range(3):
        assert await finder.find("n1", "COMPUTE_HOST", normal, since=T0, now=T0) is not None
    assert len([path for path in api.asked if "/hosts/" in path]) == 1
    other = FakeLists({"a": ["n1"]})
    other.file("n1", "COMPUTE_HOST", DOWN, wire(0))
    taught = ReportFinder(other)
    taught.learn(await hosts_of(api, Segment("uuid-of-a", "a", True)))
    assert await taught.find("n1", "COMPUTE_HOST", normal, since=T0, now=T0) is not None
    assert [path for path in other.asked if "/hosts/" in path] == []


async def test_a_host_that_cannot_be_asked_for_is_a_failure_and_not_another_host() -> None:
    api = FakeLists({"a": ["n1"]})
    api.file("n1", "COMPUTE_HOST", DOWN, wire(0))
    api.segments["a"].clear()
    with pytest.raises(LookupFailed):
        await ReportFinder(api).find("n1", "COMPUTE_HOST", normal, since=T0, now=T0)


UP = DOWN | {"event": "STARTED", "cluster_status": "ONLINE"}


@pytest.mark.parametrize("status", ["new", "running", "error", "finished", "failed", "ignored"])
@pytest.mark.parametrize(
    ("host", "told_back", "delivered", "is_over"),
    [
        ("n1", 5, 1, True),
        ("n1", 10, 1, True),
        ("n1", 10.5, 1, False),
        ("n1", -0.5, 1, False),
        ("n1", 5, -1, False),
        ("n2", 5, 1, False),
    ],
    ids=["back", "as it fails", "back after it failed", "late", "told first", "another host"],
)
async def test_a_failure_is_over_when_its_host_was_told_back_before_the_next(
    status: str, host: str, told_back: float, delivered: int, is_over: bool
) -> None:
    """What masakari has not finished with is none of that: its engine sees to the host, whatever it was told since."""
    api = FakeLists({"a": ["n1", "n2"]})
    reports: list[tuple[str, Mapping[str, str], float]] = [("n1", DOWN, 0), (host, UP, told_back)]
    for name, payload, stamp in reports[::delivered]:
        api.file(name, "COMPUTE_HOST", payload, wire(stamp), created=wire(1), status=status)
    known = await notifications(api, "COMPUTE_HOST", seconds(-60))
    ended = over(known, failed=seconds(10))
    assert bool(ended) is (is_over and status in FINISHED)
    finder = ReportFinder(api)
    for failed in (None, seconds(10)):
        one = await finder.find("n1", "COMPUTE_HOST", normal, since=T0, now=seconds(30), failed=failed)
        assert (one is None) is (failed is not None and bool(ended))


async def test_the_failure_after_a_return_is_not_over() -> None:
    api = FakeLists({"a": ["n1"]})
    reports: list[tuple[Mapping[str, str], float]] = [(DOWN, 0), (UP, 5), (DOWN, 9)]
    for payload, stamp in reports:
        api.file("n1", "COMPUTE_HOST", payload, wire(stamp), status="finished")
    known = await notifications(api, "COMPUTE_HOST", T0)
    assert over(known, failed=seconds(10)) == {"notification-1"}


@pytest.mark.parametrize(("other", "same"), [(0.4, True), (-1.0, True), (1.5, False)])
def test_a_database_of_whole_seconds_is_near_enough(other: float, same: bool) -> None:
    assert near(T0, [seconds(100), seconds(other)]) is same
    assert near(T0, []) is False


class Cloud:
    """One segment with one host, and what masakari has of its failures."""

    def __init__(self, on_maintenance: bool, *told: Mapping[str, Any]) -> None:
        self.on_maintenance, self.told = on_maintenance, told
        self.asked: list[str] = []

    async def get(self, path: str) -> Any:
        self.asked.append(path)
        if "marker" in path:
            return {"segments": [], "hosts": []}
        if path.startswith("/notifications"):
            return {"notifications": list(self.told)}
        host = {"id": 1, "uuid": "u", "name": "Compute-1", "on_maintenance": self.on_maintenance}
        return {"segments": [{"id": 1, "uuid": "s", "name": "s"}], "hosts": [host]}


def told(number: float, status: str = "finished", **payload: str) -> Mapping[str, Any]:
    return {
        "notification_uuid": f"n{number}",
        "source_host_uuid": "u",
        "failover_segment_uuid": "s",
        "generated_time": wire(number),
        "created_at": wire(number),
        "payload": DOWN | payload,
        "status": status,
    }


@pytest.mark.parametrize("on_maintenance", [False, True])
async def test_a_host_is_seen_as_masakari_has_it(on_maintenance: bool) -> None:
    api = Cloud(on_maintenance, told(50), told(9, event="STARTED"), told(8, "ignored"), told(3), told(1))
    seen = await see_host(api, "compute-1", FakeClock())
    assert (seen.registered, seen.on_maintenance, seen.failed_at) == (True, on_maintenance, None)
    assert not any(path.startswith("/notifications") for path in api.asked), "nobody wanted to know"
    seen = await see_host(api, "compute-1", FakeClock(), seconds(2))
    assert seen.failed_at == seconds(50)
    assert (
        "source_host_uuid=u" in api.asked[-1] and "generated-since=2026-01-01T12%3A00%3A01" in api.asked[-1]
    )
    for unproven in (told(50, host_status="UNKNOWN"), told(50, event="STARTED"), told(50, "ignored")):
        assert (await see_host(Cloud(True, unproven), "compute-1", FakeClock(), seconds(2))).failed_at is None


async def test_what_masakari_s_engine_has_not_begun_with_is_known_of_a_host() -> None:
    api = FakeLists({"az1": ["compute-1", "compute-2"]})
    for number, status in enumerate(("running", "error", "finished", "failed", "ignored")):
        api.file("compute-1", "PROCESS", {}, wire(number), status=status)
    api.file("compute-1", "COMPUTE_HOST", {}, wire(6))
    api.file("compute-2", "PROCESS", {}, wire(7))
    assert await standing(api, "compute-1", "PROCESS") == (False, False)
    api.file("compute-1", "PROCESS", {}, wire(8))
    api.on_maintenance = {"compute-1"}
    before = len(api.asked)
    assert await standing(api, "Compute-1", "PROCESS") == (True, True)
    read = api.asked[before:]
    assert sum(path.partition("?")[0] == "/segments" for path in read) == 2, (
        "once: a page, and that it was the last"
    )
    assert await standing(api, "compute-3", "PROCESS") == (None, None)


async def test_a_host_that_masakari_does_not_have_is_none_of_which_it_said_nothing() -> None:
    seen = await see_host(Cloud(False), "compute-2", FakeClock(), seconds(2))
    assert (seen.registered, seen.takes) == (False, False)
    seen = await see_host(Canned({}), "compute-1", FakeClock(), seconds(2))
    assert (seen.registered, seen.takes) == (None, None)


@pytest.mark.parametrize("listed", [True, False], ids=["a host that was listed", "one that was not"])
async def test_the_newest_failure_of_a_host_on_which_masakari_acts_is_found(listed: bool) -> None:
    api, early = FakeLists({"all": ["n1", "n2"]}), "2026-01-01T00:00:00"
    for host, event, status, stamp in (
        ("n1", "STOPPED", "NORMAL", early),
        ("n1", "STOPPED", "NORMAL", "2026-01-02T00:00:00"),
        ("n1", "STOPPED", "UNKNOWN", "2026-01-02T00:00:01"),
        ("n1", "STARTED", "NORMAL", "2026-01-02T00:00:02"),
        ("n2", "STOPPED", "NORMAL", "2026-01-02T00:00:03"),
    ):
        payload = {"event": event, "cluster_status": "OFFLINE", "host_status": status}
        api.file(host, "COMPUTE_HOST", payload, stamp)
    finder = ReportFinder(api)
    if listed:
        finder.learn(await hosts_of(api, (await segments(api))[0]))
    api.asked.clear()
    now = datetime.datetime(2026, 1, 2, 1, tzinfo=datetime.UTC)
    found = await finder.failure("N1", since=now - datetime.timedelta(hours=2), now=now)
    assert found is not None and found.uuid == "notification-2" and (len(api.asked) == 1) is listed
    assert await finder.failure("n1", since=now, now=now) is None


@pytest.mark.parametrize("listed", [True, False], ids=["a host that was listed", "one that was not"])
async def test_a_failure_that_masakari_ignored_counts_only_where_it_has_no_other(listed: bool) -> None:
    """Two monitors have told the same: it recovers the host by one report, and ignores the other."""
    api = FakeLists({"all": ["n1"]})
    payload = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}
    api.file("n1", "COMPUTE_HOST", payload, "2026-01-02T00:00:00", status="finished")
    finder, now = ReportFinder(api), datetime.datetime(2026, 1, 2, 1, tzinfo=datetime.UTC)
    if listed:
        finder.learn(await hosts_of(api, (await segments(api))[0]))
    for stamp in ("2026-01-02T00:00:01", "2026-01-02T00:30:00"):
        api.file("n1", "COMPUTE_HOST", payload, stamp, status="ignored")
    found = await finder.failure("n1", since=now - datetime.timedelta(hours=2), now=now)
    assert found is not None and found.status == "finished"
    found = await finder.failure("n1", since=now - datetime.timedelta(hours=0.75), now=now)
    assert found is not None and found.status == "ignored"
