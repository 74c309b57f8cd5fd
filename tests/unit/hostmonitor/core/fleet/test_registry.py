"""What masakari's segments say, and whose reports that holds or frees."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Withdraw
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence.membership import NOT_LISTED, ViewState, observe
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.fleet.registry import (
    NOWHERE_FOR,
    UNSEEN_AFTER,
    next_offer,
    take_registry,
)
from masakarimonitors.hostmonitor.core.observation import Membership, Registry
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Release, Report
from masakarimonitors.hostmonitor.core.outages.watch import Flag
from masakarimonitors.hostmonitor.core.state import Cluster, Maintenance, Segments, State
from tests.fixtures.host_play import OWN, THREE, policy
from tests.unit.hostmonitor.core.judging.test_judge import record

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(1000.0, EPOCH)
U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN
SEEN = ViewState(proven=True, complete=True, live=True, since=0.0)


def host(values: tuple[Membership, ...] = (D, D, D), fate: Fate | None = None, **changes: Any) -> HostState:
    report = (
        None
        if fate is None
        else Report(made_at=EPOCH, host_status=HostStatus.NORMAL, fate=fate, retry_at=9e9)
    )
    opened = Outage(failed=NOW, report=report) if D in values else None
    links = tuple(record(value) for value in values)
    return HostState(links=links, outage=opened, **{"seen_in_service": True, **changes})


def take(
    hosts: dict[str, bool] | None,
    known: dict[str, HostState] | None = None,
    disabled: frozenset[str] = frozenset(),
    view: ViewState = SEEN,
    **before: Any,
) -> News:
    known = known or {}
    state = State(
        hosts=known,
        cluster=Cluster(views=dict.fromkeys(THREE, view), **before),
        troubled=frozenset(known),
    )
    return take_registry(
        policy(lookup=True), state, Registry(hosts, "GET /segments", NOW, disabled=disabled), NOW
    )


def test_a_reading_says_what_was_when_it_began() -> None:
    state = State(hosts={}, cluster=Cluster(views=dict.fromkeys(THREE, SEEN)))
    later = Instant(NOW.monotonic + 240.0, NOW.wall + datetime.timedelta(seconds=240.0))
    news = take_registry(policy(lookup=True), state, Registry({"node05": False}, "GET", NOW), later)
    assert news.cluster.segments.read_at == NOW.monotonic


def test_a_reading_that_fails_changes_nothing_that_is_known() -> None:
    before: dict[str, Any] = {
        "segments": Segments(hosts={"node05": "node05"}),
        "maintenance": {"node05": Maintenance(5.0)},
    }
    news = take(None, **before)
    assert news.cluster.segments.answered and news.cluster.segments.hosts == {"node05": "node05"}
    assert set(news.cluster.maintenance) == {"node05"} and news.verdicts == ()


def test_who_is_on_maintenance_is_told_once_and_when_it_ends() -> None:
    begun = take({"node05": True}, view=ViewState())
    assert begun.cluster.maintenance == {"node05": Maintenance(1000.0)} and len(begun.verdicts) == 1
    kept = take({"node05": True}, view=ViewState(), maintenance={"node05": Maintenance(5.0, warned=True)})
    assert kept.cluster.maintenance == {"node05": Maintenance(5.0, warned=True)} and kept.verdicts == ()
    ended = take({"node05": False}, view=ViewState(), maintenance={"node05": Maintenance(5.0)})
    assert ended.cluster.maintenance == {} and "has ended" in ended.verdicts[0].why


def test_a_maintenance_holds_the_host_by_the_name_that_it_has_here() -> None:
    news = take({"node-5": True}, {"Node-5": host((U, U, U))})
    assert set(news.cluster.maintenance) == {"Node-5"}


FLAG: dict[str, Any] = {"maintenance": {"node05": Maintenance(5.0)}}


@pytest.mark.parametrize(
    ("fate", "release", "retry_at"),
    [
        (None, Release.LOOKED_AT, None),
        (Fate.REFUSED, Release.NONE, 1000.0),
        (Fate.TAKEN_BACK, Release.NONE, 9e9),
    ],
)
def test_the_end_of_a_maintenance_frees_what_it_held(
    fate: Fate | None, release: Release, retry_at: float | None
) -> None:
    after = take({"node05": False}, {"node05": host(fate=fate)}, **FLAG).hosts["node05"]
    assert after is not None and after.outage is not None
    assert (after.planned_until, after.outage.release) == (1000.0, release)
    assert after.outage.flag is Flag.LIFTED
    assert (after.outage.report.retry_at if after.outage.report is not None else None) == retry_at


KNOWN = Segments(hosts={"node05": "node05"}, read_at=900.0)


@pytest.mark.parametrize(
    ("before", "refusals", "retried", "kept"),
    [
        (Segments(hosts={}), 3, True, 0),
        (Segments(), 3, True, 0),
        # A maintenance that began and ended between two readings is seen by neither, but in the first refusal.
        (KNOWN, 1, True, 1),
        (KNOWN, 2, False, 2),
    ],
)
def test_a_host_that_is_registered_now_is_offered_anew(
    before: Segments, refusals: int, retried: bool, kept: int
) -> None:
    state = host(fate=Fate.REFUSED)
    assert state.outage is not None
    state = replace(state, outage=replace(state.outage, refusals=refusals))
    after = take({"node05": False}, {"node05": state}, segments=before).hosts.get("node05")
    assert (after is not None) is retried
    if after is not None and after.outage is not None and after.outage.report is not None:
        assert (after.outage.report.retry_at, after.planned_until) == (1000.0, float("-inf"))
        assert after.outage.refusals == kept


@pytest.mark.parametrize(
    ("hosts", "pauses"),
    [
        ({}, [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]),
        ({"node05": "node05"}, [300.0] * 6),
        (None, [300.0] * 6),
    ],
    ids=["unregistered", "registered", "not known"],
)
def test_while_masakari_does_not_have_the_host_offers_grow_rare(
    hosts: dict[str, str] | None, pauses: list[float]
) -> None:
    segments = Segments(hosts=hosts)
    assert [next_offer(segments, "node05", times, 50.0) - 50.0 for times in range(1, 7)] == pauses


@pytest.mark.parametrize(
    ("state", "forgotten"),
    [
        (host((L, L, L)), True),
        (host((X, X, X)), True),
        (host((U, U, U)), False),
        (host((D, D, D)), False),  # its failure waits to be told
        (host((D, D, D), Fate.REFUSED), False),
    ],
)
def test_who_is_nowhere_any_more_is_forgotten(state: HostState, forgotten: bool) -> None:
    assert ("node05" in take({}, {"node05": state}).hosts) is forgotten


def test_a_segment_that_is_disabled_while_its_host_fails_is_told_once() -> None:
    known = {"node05": host(fate=Fate.ACCEPTED)}
    news = take({"node05": False}, known, frozenset({"NODE05"}))
    assert [verdict.alarm for verdict in news.verdicts if "recovers nothing" in verdict.why] == [True]
    again = take({"node05": False}, known, frozenset({"node05"}), segments=news.cluster.segments)
    assert not any("recovers nothing" in verdict.why for verdict in again.verdicts)


def test_names_that_differ_in_case_are_told_once() -> None:
    known = {"Node-5": host((U, U, U))}
    news = take({"node-5": False}, known)
    assert [verdict.subject for verdict in news.verdicts] == ["host:Node-5"]
    assert take({"node-5": False}, known, segments=news.cluster.segments).verdicts == ()


@pytest.mark.parametrize(("since", "told"), [(1000.0 - UNSEEN_AFTER, True), (1000.1 - UNSEEN_AFTER, False)])
def test_who_is_registered_and_listed_nowhere(since: float, told: bool) -> None:
    view = ViewState(proven=True, complete=True, live=True, since=since)
    news = take({"node05": False, "node99": False, OWN: False}, {"node05": host((U, U, U))}, view=view)
    assert bool(news.verdicts) is told
    assert news.cluster.unseen == (frozenset({"node99"}) if told else frozenset())


def test_a_monitor_that_does_not_see_every_link_says_nothing_of_who_is_missing() -> None:
    assert take({"node99": False}, view=ViewState(since=0.0)).verdicts == ()


def listed_nowhere() -> State:
    """A host whose failure was not told, and that no link lists any more."""
    lost = host()
    unlisted = replace(lost, links=tuple(observe(link, NOT_LISTED, 0.0, live=True) for link in lost.links))
    return State(
        hosts={"node05": unlisted},
        cluster=Cluster(views=dict.fromkeys(THREE, SEEN)),
        troubled=frozenset({"node05"}),
    )


def test_a_host_that_was_taken_out_of_all_is_forgotten_though_its_failure_was_never_told() -> None:
    """As a lost remote that is deleted, and held for what answers at its address, which another one has by now."""
    state = listed_nowhere()

    def read(seconds: float, *segment: str) -> News:
        nonlocal state
        at = Instant(NOW.monotonic + seconds, NOW.wall + datetime.timedelta(seconds=seconds))
        registry = Registry(dict.fromkeys((OWN, *segment), False), "GET /segments", at)
        news = take_registry(policy(lookup=True), state, registry, at)
        found = news.hosts.get("node05", state.hosts["node05"])
        if found is not None:
            state = replace(state, hosts={"node05": found}, cluster=news.cluster)
        return news

    for seconds in (0.0, NOWHERE_FOR):  # deleted in the cluster alone: it may be told yet
        assert read(seconds, "node05").hosts.get("node05", host()) is not None
    began = NOWHERE_FOR + 60.0
    read(began)
    read(began + NOWHERE_FOR / 2)
    read(began + NOWHERE_FOR - 60.0, "node05")  # and there again, for a moment
    read(began + NOWHERE_FOR)
    read(began + 2 * NOWHERE_FOR - 1.0)
    assert state.hosts["node05"].outage is not None
    news = read(began + 2 * NOWHERE_FOR)
    assert news.hosts == {"node05": None} and news.verdicts[0].alarm
    assert news.commands == (Withdraw("host:node05", messages.FORGOTTEN_UNTOLD),)


def test_one_that_a_link_still_lists_is_never_forgotten() -> None:
    """Its source still calls it lost."""
    state = replace(host(), nowhere_since=-NOWHERE_FOR)
    after = take({}, {"node05": state}).hosts["node05"]
    assert after is not None and after.nowhere_since is None


def test_nor_where_masakari_has_no_host_at_all() -> None:
    """As after its database was lost, or where keystone's catalogue names another cloud's."""
    lost = host(nowhere_since=-NOWHERE_FOR)
    unlisted = replace(lost, links=tuple(observe(link, NOT_LISTED, 0.0, live=True) for link in lost.links))
    after = take({}, {"node05": unlisted}).hosts["node05"]
    assert after is not None and after.nowhere_since is None
    earlier = Segments(hosts={OWN: OWN}, answered=True, read_at=NOW.monotonic - 60.0)
    assert take({OWN: False}, {"node05": unlisted}, segments=earlier).hosts == {"node05": None}


@pytest.mark.parametrize("unseen", ["masakari", "link"])
def test_time_in_which_a_list_could_not_be_read_is_none_in_which_a_host_is_nowhere(unseen: str) -> None:
    """It may have stood there for most of the day: in a segment, or in the list of its link."""
    state = listed_nowhere()

    def read(seconds: float, *, fails: bool = False) -> bool:
        """Whether the host is still known."""
        nonlocal state
        at = Instant(NOW.monotonic + seconds, NOW.wall + datetime.timedelta(seconds=seconds))
        registry = Registry(None if fails else {OWN: False}, "GET /segments", at)
        news = take_registry(policy(lookup=True), state, registry, at)
        found = news.hosts.get("node05", state.hosts["node05"])
        state = replace(state, hosts={"node05": found} if found else {}, cluster=news.cluster)
        return found is not None

    assert read(0.0) and read(60.0)
    back = NOWHERE_FOR - 60.0
    if unseen == "masakari":
        read(120.0, fails=True)
    else:
        view = replace(SEEN, since=NOW.monotonic + back - 1.0)
        state = replace(state, cluster=replace(state.cluster, views=dict.fromkeys(THREE, view)))
    assert read(back) and read(NOWHERE_FOR)
    assert read(back - 60.0 + NOWHERE_FOR - 1.0)
    assert not read(back - 60.0 + NOWHERE_FOR)
