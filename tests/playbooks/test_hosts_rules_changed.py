"""The matrix or the failure domains change while the monitor runs: what follows for hosts that are down already."""

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import DomainsChanged, GuardChanged, MatrixChanged
from masakarimonitors.hostmonitor.core.outages.watch import Watch
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, policy, started, stopped

LINKS = ("manage", "storage")
STORAGE_DOWN = frozenset({(True, False), (False, False)})
BOTH_DOWN = frozenset({(False, False)})
ANY_DOWN = STORAGE_DOWN | {(False, True)}


def play(recover: frozenset[tuple[bool, ...]], *, api: bool = True) -> Play:
    return Play(policy(matrix=matrix.Matrix(LINKS, recover)), api=api).all_up("node05", "node06").wait(60)


def changed(recover: frozenset[tuple[bool, ...]]) -> MatrixChanged:
    return MatrixChanged(recover, "/etc/matrix.yaml")


def test_what_fails_from_now_on_is_judged_by_the_new_matrix() -> None:
    on = play(BOTH_DOWN).feed(changed(STORAGE_DOWN)).cut("node05", "storage").wait(60)
    assert on.reports == [stopped("node05")]


def test_what_the_new_matrix_does_not_ask_for_is_not_recovered() -> None:
    on = play(ANY_DOWN).feed(changed(STORAGE_DOWN)).cut("node05", "manage").wait(600)
    assert on.reports == []


def test_a_host_that_is_down_already_is_settled_anew_and_was_not_seen_to_fail() -> None:
    """As after a restart of the monitor, which reads the same file."""
    on = play(BOTH_DOWN).cut("node05", "storage").wait(600)
    assert on.reports == []
    on.feed(changed(STORAGE_DOWN))
    assert on.reports == []
    outage = on.state.hosts["node05"].outage
    assert outage is not None and outage.watch is Watch.FOUND
    on.wait(60)
    assert on.reports == [stopped("node05")]
    on.wait(3600)
    assert on.reports == [stopped("node05")]


def test_an_outage_that_waits_is_over_when_the_new_matrix_does_not_ask_for_it() -> None:
    on = play(STORAGE_DOWN).cut("node05", "storage").wait(1)
    assert on.state.hosts["node05"].outage is not None
    on.feed(changed(BOTH_DOWN)).wait(600)
    assert on.reports == [] and on.state.hosts["node05"].outage is None


def test_a_report_that_has_not_arrived_is_taken_back() -> None:
    on = play(STORAGE_DOWN, api=False).cut("node05", "storage").wait(60)
    assert on.reports == [stopped("node05")]
    on.feed(changed(BOTH_DOWN)).wait(600)
    assert "host:node05" in on.withdrawn
    # It may have arrived, as any that was offered: so its end is told.
    assert on.reports == [stopped("node05"), started("node05")] and on.state.hosts["node05"].outage is None


def test_a_report_that_has_arrived_ends_as_for_a_host_that_comes_back_in_part() -> None:
    on = play(STORAGE_DOWN).cut("node05", "storage").wait(60)
    on.feed(changed(BOTH_DOWN)).wait(60)
    assert on.reports == [stopped("node05")] and on.withdrawn == []
    on.wait(600)
    assert on.reports == [stopped("node05"), started("node05")]


def test_it_is_said_and_a_matrix_that_recovers_nothing_is_an_alarm() -> None:
    on = play(STORAGE_DOWN).feed(changed(BOTH_DOWN))
    said = on.last(f"host:{OWN}")
    assert (said.ruling, said.alarm, said.evidence) == (Ruling.ACTED, False, "/etc/matrix.yaml")
    on.feed(changed(frozenset()))
    assert on.last(f"host:{OWN}").alarm
    on.cut("node05").wait(600)
    assert on.reports == []
    on.feed(changed(STORAGE_DOWN)).wait(60)
    assert on.reports == [stopped("node05")]


# -- failure domains --------------------------------------------------------------------------------------

RACK = {"node05": "rack1", "node06": "rack1", "node07": "rack1"}


def racks(domains: dict[str, str]) -> Play:
    guard = GuardPolicy(threshold=0, domain_threshold=50, least=2, window=60, hold=300)
    on = Play(pacemaker_policy(guard=guard, domains=domains))
    return on.all_up("node05", "node06", "node07", "node08").wait(60)


def test_storms_are_counted_by_the_domains_that_are_in_force() -> None:
    on = racks({}).feed(DomainsChanged(RACK, "/etc/domains.yaml"))
    said = on.last(f"host:{OWN}")
    assert "other failure domains are in force" in said.why and said.evidence == "/etc/domains.yaml"
    on.cut("node05").cut("node06").wait(60)
    assert on.reports == [] and "rack1" in on.state.cluster.storms


def test_whom_a_storm_holds_is_not_let_go_because_the_file_was_edited() -> None:
    on = racks(RACK).cut("node05").cut("node06").wait(60)
    assert on.reports == [] and "rack1" in on.state.cluster.storms
    on.feed(DomainsChanged({}, "/etc/domains.yaml")).wait(120)
    assert on.reports == [] and "rack1" in on.state.cluster.storms
    assert "when no storm holds" in on.last(f"host:{OWN}").why
    on.heal("node05").heal("node06").wait(600)
    assert not on.state.cluster.storms
    on.cut("node07").wait(60)
    on.cut("node06").cut("node05").wait(60)
    assert {host for host, *_ in on.reports} == {"node05", "node06", "node07"}


def test_the_limits_of_storms_change_as_domains_do() -> None:
    on = racks(RACK)
    none = GuardPolicy(threshold=0, domain_threshold=0)
    on.cut("node05").cut("node06").wait(60)
    on.feed(GuardChanged(none, "[host] storm_domain_threshold")).wait(120)
    assert on.reports == [] and "limits of storms come into force when" in on.last(f"host:{OWN}").why
    on.heal("node05").heal("node06").wait(600)
    on.cut("node05").cut("node06").wait(60)
    assert {host for host, *_ in on.reports} == {"node05", "node06"}


def test_the_last_word_counts() -> None:
    on = racks(RACK).cut("node05").cut("node06").wait(60)
    on.feed(DomainsChanged({}, "d"), DomainsChanged(RACK, "d"), DomainsChanged({"node08": "x"}, "d"))
    on.heal("node05").heal("node06").wait(600)
    assert on.state.domains == {"node08": "x"} and on.state.coming == ()


def test_an_outage_that_only_all_links_could_clear_is_not_held_for_a_link_that_is_not_missing() -> None:
    """The new matrix has nothing for it to be recovered by, and no link is up to end it."""
    on = play(BOTH_DOWN, api=False).cut("node05").wait(60)
    assert on.reports == [stopped("node05")]
    on.feed(changed(frozenset({(True, False)}))).wait(600)
    last = on.last("host:node05")
    assert last.why == "it is down on manage and storage, for which the matrix asks no recovery"
    assert not last.alarm and "host:node05" in on.withdrawn
    on.heal("node05").wait(60)
    assert on.state.hosts["node05"].outage is None
