"""The storm guard over hosts: whom it counts, whom it holds, whom it releases."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Verdict
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.storm import EVERYWHERE, STEP, GuardPolicy, Storm
from masakarimonitors.hostmonitor.core.election.reporter import Reporter
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.fleet.storms import Weather, evaluate_storms
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Phase, Release, Report
from masakarimonitors.hostmonitor.core.state import Cluster
from tests.fixtures.host_play import policy
from tests.unit.hostmonitor.core.judging.test_judge import record

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
U, D, L = Membership.UP, Membership.DOWN, Membership.LEFT
STORAGE, GONE, UP = (U, U, D), (D, D, D), (U, U, U)
SEEN = ViewState(proven=True, complete=True, live=True, since=0.0)
NAMES = [f"node{n:02}" for n in range(2, 12)]


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH + datetime.timedelta(seconds=seconds))


def host(values: tuple[Membership, ...], failed: float | None = None, **outage: Any) -> HostState:
    """Up, or failed at `failed`."""
    opened = None if failed is None else Outage(failed=at(failed), since=failed, **outage)
    return HostState(links=tuple(record(value) for value in values), seen_in_service=True, outage=opened)


def reported(fate: Fate = Fate.ACCEPTED) -> Report:
    return Report(made_at=EPOCH, host_status=HostStatus.NORMAL, fate=fate)


def cloud(failing: int, values: tuple[Membership, ...] = STORAGE, **outage: Any) -> dict[str, HostState]:
    """Ten hosts, of which the first have failed at 1000."""
    return {name: host(values, 1000.0, **outage) if n < failing else host(UP) for n, name in enumerate(NAMES)}


def weigh(
    hosts: dict[str, HostState],
    seconds: float = 1000.0,
    storms: dict[str, Storm] | None = None,
    guard: GuardPolicy = GuardPolicy(),  # noqa: B008 - frozen
    domains: dict[str, str] | None = None,
    storage: ViewState = SEEN,
) -> Weather:
    rules = policy(guard=guard, domains=domains or {})
    views = {"manage": SEEN, "tenant": SEEN, "storage": storage}
    court = Court(cluster=Cluster(views=views, reporter=Reporter()), policy=rules, now=at(seconds))
    return evaluate_storms(
        court, hosts, [name for name, one in hosts.items() if one.links != host(UP).links], storms or {}
    )


def watch(hosts: dict[str, HostState], start: float, end: float, before: Weather, **rules: Any) -> Weather:
    """Weighed every few seconds, up to that one and at it, or until somebody is released."""
    after, seconds, told = replace(before, released={}), start, list[Verdict]()
    while seconds < end and not after.released:
        seconds = min(seconds + STEP, end)
        after = weigh(hosts, seconds, dict(after.storms), **rules)
        told += after.verdicts
    return replace(after, verdicts=tuple(told))


def test_more_than_half_is_a_storm_and_told_once() -> None:
    assert weigh(cloud(5)) == Weather(storms={})
    begun = weigh(cloud(6))
    (verdict,) = begun.verdicts
    assert verdict.alarm and verdict.subject == "storm:all hosts" and verdict.evidence.startswith("node02, ")
    again = watch(cloud(6), 1000.0, 1100.0, begun)
    assert again.verdicts == () and again.storms[EVERYWHERE].failed == begun.storms[EVERYWHERE].failed


def test_hosts_that_left_are_not_of_the_crowd() -> None:
    hosts = cloud(5) | {NAMES[9]: host((L, L, L))}
    assert weigh(hosts).storms != {}


@pytest.mark.parametrize(
    ("ago", "phase", "storm"),
    [
        (3600.0, Phase.FAILING, True),  # however slowly they went
        (86400.0, Phase.FAILING, True),
        (86401.0, Phase.FAILING, False),  # what is down for days is not of this cascade
        (3600.0, Phase.UNSURE, True),
        (3600.0, Phase.RETURNING, False),
    ],
)
def test_hosts_that_are_down_together_are_a_storm_for_the_next(ago: float, phase: Phase, storm: bool) -> None:
    hosts = cloud(0)
    for name in NAMES[:5]:
        hosts[name] = host(STORAGE, 90000.0 - ago, report=reported(), phase=phase)
    hosts[NAMES[5]] = host(STORAGE, 90000.0)
    assert bool(weigh(hosts, 90000.0).storms) is storm


def test_what_was_down_before_a_restart_is_not_down_before_it_is_seen() -> None:
    hosts = cloud(0)
    for name in NAMES[:5]:
        outage = Outage(
            failed=Instant(float("-inf"), EPOCH), phase=Phase.UNSURE, report=reported(Fate.TAKEN_BACK)
        )
        hosts[name] = replace(host(STORAGE), outage=outage)
    hosts[NAMES[5]] = host(STORAGE, 1000.0)
    assert weigh(hosts).storms == {}


def test_a_storm_is_there_to_hold_something() -> None:
    assert weigh(cloud(9, report=reported())).storms == {}
    assert weigh(cloud(9, report=reported(Fate.TAKEN_BACK))).storms != {}


def stood(values: tuple[Membership, ...], failing: int = 6, left: int | None = None) -> Weather:
    """After five quiet minutes; `left`: so many of them are still down."""
    begun = weigh(cloud(failing, values))
    # Who comes back renews the time.
    after = watch(cloud(failing if left is None else left, values), 1000.0, 1300.0, begun)
    return after if left is None else watch(cloud(left, values), 1300.0, 1600.0 + STEP, after)


def test_hosts_that_are_seen_alive_on_a_link_are_released_by_time() -> None:
    after = stood(STORAGE)
    assert after.storms == {} and set(after.released) == set(NAMES[:6])
    assert all(
        one.outage is not None and one.outage.release is Release.ALIVE for one in after.released.values()
    )
    assert after.verdicts[-1].alarm and "taken as real" in after.verdicts[-1].why


def test_hosts_of_which_no_link_is_up_stay_held_while_so_many_are_down() -> None:
    after = stood(GONE)
    assert after.released == {} and after.storms[EVERYWHERE].stood
    assert after.verdicts[-1].alarm and "stay held" in after.verdicts[-1].why
    once_more = watch(cloud(6, GONE), 1300.0, 1600.0, after)
    assert once_more.released == {} and once_more.verdicts == (), "said once"


def test_those_that_remain_when_the_others_are_back_are_released_after_another_hold() -> None:
    after = stood(GONE, left=2)
    assert after.storms == {} and set(after.released) == set(NAMES[:2])


def test_seconds_without_sight_do_not_count() -> None:
    begun = weigh(cloud(6))
    blind = replace(SEEN, proven=False, live=False)
    quiet = watch(cloud(6), 1000.0, 1100.0, begun)
    lost = weigh(cloud(6, phase=Phase.UNSURE), 1100.0, dict(quiet.storms), storage=blind)
    assert lost.storms[EVERYWHERE].look_at(300.0) is None
    seen = weigh(cloud(6), 5000.0, dict(lost.storms))
    assert watch(cloud(6), 5000.0, 5199.0, seen).released == {}
    assert watch(cloud(6), 5000.0, 5200.0, seen).released != {}


def test_a_failure_domain_counts_its_own_hosts() -> None:
    domains = {name: "rack1" if n < 5 else "rack2" for n, name in enumerate(NAMES)}
    guard = GuardPolicy(domain_threshold=40.0)
    assert set(weigh(cloud(3), guard=guard, domains=domains).storms) == {"rack1"}
    assert weigh(cloud(3), domains=domains).storms == {}, "off by default"


def test_a_host_is_released_once_though_two_storms_held_it() -> None:
    domains = dict.fromkeys(NAMES, "rack1")
    guard = GuardPolicy(domain_threshold=40.0)
    begun = weigh(cloud(6), guard=guard, domains=domains)
    assert set(begun.storms) == {EVERYWHERE, "rack1"}
    after = watch(cloud(6), 1000.0, 1300.0, begun, guard=guard, domains=domains)
    assert after.storms == {} and len(after.released) == 6


def test_a_wall_clock_that_is_set_lets_nobody_go_that_a_storm_holds() -> None:
    """As of a computer whose battery is empty, once it has found its time server: nobody has failed for years by it."""
    hosts = cloud(6, GONE)
    storm = Storm(scope=EVERYWHERE, began=1000.0, failed=frozenset(NAMES[:6]), quiet=290.0, counted_at=1290.0)
    now = replace(at(1300), wall=EPOCH + datetime.timedelta(days=365))
    rules = policy(guard=GuardPolicy())
    views = {"manage": SEEN, "tenant": SEEN, "storage": SEEN}
    court = Court(cluster=Cluster(views=views, reporter=Reporter()), policy=rules, now=now)
    weather = evaluate_storms(court, hosts, hosts, {EVERYWHERE: storm})
    assert weather.released == {} and weather.storms[EVERYWHERE].stood
