"""Every way in which the manual's cluster fails, and exactly the reports that each must give.

Three monitors watch one real cluster. `until_heard` fails on any report beyond the expected ones, a
duplicate included, so each scenario also proves that one monitor sends and that nobody is accused.
"""

import signal

import pytest

from tests.integration.consul.cluster import MANAGE, STORAGE, TENANT, Datacentre
from tests.integration.consul.monitors import until
from tests.integration.consul.watch import Watch

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(300)]

DOWN_5 = ("node05", "STOPPED")
UP_5 = ("node05", "STARTED")


def test_r8_r9_a_host_that_loses_its_power_is_reported_once_by_one_of_three(watch: Watch) -> None:
    watch.cluster.kill(5)
    watch.api.until_heard(DOWN_5)
    assert {report.host_status for report in watch.api.reports} == {"NORMAL"}
    watch.ends_with(DOWN_5, UP_5)


@pytest.mark.parametrize("carrier", [False, True], ids=["silent", "carrier"])
def test_r9_all_networks_cut_at_once_is_one_report_and_one_back(watch: Watch, carrier: bool) -> None:
    for dc in (MANAGE, TENANT, STORAGE):
        watch.cluster.cut(5, dc, carrier=carrier)
    watch.api.until_heard(DOWN_5)
    watch.ends_with(DOWN_5, UP_5)


def test_management_and_tenant_cut_alone_need_no_recovery(watch: Watch) -> None:
    """Its machines still reach their disks: the default matrix lets them run."""
    watch.cluster.cut(5, MANAGE)
    watch.cluster.cut(2, TENANT)
    watch.until_shown(5, ["partly down"], watch.others(5))
    watch.until_shown(2, ["partly down"], watch.running)
    watch.ends_with()


def test_storage_cut_alone_is_a_failure(watch: Watch) -> None:
    watch.cluster.cut(5, STORAGE)
    watch.api.until_heard(DOWN_5)
    watch.ends_with(DOWN_5, UP_5)


@pytest.mark.parametrize("how", ["leave", "sigterm"])
def test_r2_a_graceful_leave_is_planned(watch: Watch, how: str) -> None:
    for dc in (MANAGE, TENANT, STORAGE):
        if how == "leave":
            watch.cluster.leave(5, dc)
        else:
            watch.cluster.signal_agent(5, dc, signal.SIGTERM)
    watch.until_shown(5, ["left"], watch.others(5))
    watch.ends_with()


def test_an_agent_that_crashes_and_is_back_at_once_is_nothing(watch: Watch) -> None:
    """What the crash of another host shows: whatever the restart could cause would have been seen by then."""
    watch.cluster.kill(5)
    for dc in (MANAGE, TENANT, STORAGE):
        watch.cluster.start_agent(5, dc)
    watch.cluster.kill(2, STORAGE)
    watch.api.until_heard(("node02", "STOPPED"))
    watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))


def test_the_leader_of_storage_is_killed(watch: Watch) -> None:
    """Nobody speaks for storage for up to 20 s; then only the leader's own host has lost it."""
    leader = watch.cluster.leader(STORAGE)
    assert leader is not None
    watch.cluster.kill(leader, STORAGE)
    watch.until_blind("storage", watch.running)
    host = f"node{leader:02d}"
    watch.api.until_heard((host, "STOPPED"))
    watch.ends_with((host, "STOPPED"), (host, "STARTED"))


def test_the_leader_of_management_is_killed_and_the_reporter_stays(watch: Watch) -> None:
    before = watch.reporter
    leader = watch.cluster.leader(MANAGE)
    assert leader is not None
    watch.cluster.kill(leader, MANAGE)
    watch.until_blind("manage", watch.running)
    watch.until_shown(leader, ["partly down"], watch.running)
    if before != leader:
        assert watch.reporter == before
    watch.ends_with()


def test_quorum_lost_in_storage_holds_everything(watch: Watch) -> None:
    """Two of three servers lost: nobody speaks for storage, and a host that dies meanwhile is reported after."""
    watch.cluster.kill(1, STORAGE)
    watch.cluster.kill(2, STORAGE)
    watch.until_blind("storage", watch.running)
    watch.cluster.kill(5)
    for monitor in watch.others(5):
        monitor.until_said("host:node05 held: .*depends on storage")
    assert watch.api.heard() == []
    watch.cluster.start_agent(1, STORAGE)
    watch.cluster.start_agent(2, STORAGE)
    watch.api.until_heard(DOWN_5)
    watch.ends_with(DOWN_5, UP_5)


@pytest.mark.parametrize("link", [MANAGE, TENANT, STORAGE], ids=lambda dc: dc.link)
def test_r1_an_observer_cut_from_one_network_accuses_nobody(watch: Watch, link: Datacentre) -> None:
    """The reporter's own NIC fails. It says that it is blind; another accuses *it*, where storage is lost."""
    cut_off = watch.reporter
    watch.cluster.cut(cut_off, link)
    watch.until_blind(link.link, [watch.monitors[cut_off]])
    others = watch.others(cut_off)
    name = f"node{cut_off:02d}"
    if link is STORAGE:
        watch.api.until_heard((name, "STOPPED"))
        assert watch.api.reports[0].sender != name
        watch.ends_with((name, "STOPPED"), (name, "STARTED"))
    else:
        watch.until_shown(cut_off, ["partly down"], others)
        watch.ends_with()


def test_r1_an_observer_cut_from_everything_is_the_only_one_accused(watch: Watch) -> None:
    """Left alone for as long as its gossip needs to call every peer failed, it still accuses nobody."""
    cut_off = watch.reporter
    name = f"node{cut_off:02d}"
    for dc in (MANAGE, TENANT, STORAGE):
        watch.cluster.cut(cut_off, dc)
    watch.api.until_heard((name, "STOPPED"))
    assert watch.api.reports[0].sender != name

    def alone() -> bool:
        return all(
            status == 4
            for dc in (MANAGE, TENANT, STORAGE)
            for member, status in watch.cluster.members(cut_off, dc).items()
            if member != name
        )

    until(alone, "gossip of the cut-off node calls all its peers failed")
    watch.ends_with((name, "STOPPED"), (name, "STARTED"))


def test_r11_the_reporters_agents_die_one_by_one(watch: Watch) -> None:
    """Blind on tenant: the office goes to one that sees more. Blind on storage: as well, and it is accused."""
    first = watch.reporter
    watch.cluster.kill(first, TENANT)
    watch.until_blind("tenant", [watch.monitors[first]])
    until(lambda: watch.reporter != first, "the half-blind reporter steps down")
    second = watch.reporter
    victim = watch.victim(first, second)
    name = f"node{victim:02d}"
    watch.cluster.kill(victim, STORAGE)
    watch.api.until_heard((name, "STOPPED"))
    # The half-blind one has seen it, too, on the links that it has: nothing else was lost.
    watch.until_shown(victim, ["failing, not reported yet", "failed, reported"], [watch.monitors[first]])
    watch.ends_with((name, "STOPPED"), (name, "STARTED"))


def test_r11_a_blind_network_hides_no_host_that_has_lost_its_storage(watch: Watch) -> None:
    """Nobody speaks for tenant, but whatever it would say, the matrix asks for recovery."""
    watch.cluster.kill(1, TENANT)
    watch.cluster.kill(2, TENANT)
    watch.until_blind("tenant", watch.running)
    watch.cluster.kill(5, STORAGE)
    watch.api.until_heard(DOWN_5)
    watch.ends_with(DOWN_5, UP_5)


def test_an_agent_that_hangs_blinds_its_own_link_only(watch: Watch) -> None:
    hung = watch.reporter
    watch.cluster.signal_agent(hung, MANAGE, signal.SIGSTOP)
    watch.until_blind("manage", [watch.monitors[hung]])
    watch.until_shown(hung, ["partly down"], watch.others(hung))
    until(lambda: watch.reporter != hung, "another takes the office over")
    watch.ends_with()


def test_r10_a_node_pruned_from_one_datacentre_shifts_nobody(watch: Watch) -> None:
    """node05 is forgotten by management; then node02 and node05 itself lose their storage, and both are seen."""
    watch.cluster.leave(5, MANAGE)
    watch.cluster.prune(1, MANAGE, 5)
    watch.until_shown(5, ["left", "not fully seen"], watch.others(5))
    watch.cluster.kill(2, STORAGE)
    watch.api.until_heard(("node02", "STOPPED"))
    watch.cluster.kill(5, STORAGE)
    watch.api.until_heard(("node02", "STOPPED"), DOWN_5)
    watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"), DOWN_5, UP_5)


def test_r8_the_reporter_is_killed_and_the_next_one_reports(watch: Watch) -> None:
    """SIGKILL: nobody says good-bye for it. Its host lives, and another fails at the same moment."""
    killed = watch.reporter
    watch.monitors[killed].signal(signal.SIGKILL)
    watch.cluster.kill(2, STORAGE)
    watch.api.until_heard(("node02", "STOPPED"))
    assert watch.api.reports[0].sender != f"node{killed:02d}"
    assert watch.reporter != killed
    watch.monitors[killed].start()
    watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))


def test_r8_a_successor_reports_what_is_open_and_nothing_twice(watch: Watch) -> None:
    """node02's failure is reported; then the reporter stops cleanly, and node05's falls to the next."""
    watch.cluster.kill(2, STORAGE)
    watch.api.until_heard(("node02", "STOPPED"))
    first = watch.reporter
    watch.monitors[first].signal(signal.SIGTERM)
    second = watch.reporter
    assert second != first
    victim = watch.victim(first, second)
    watch.cluster.kill(victim, STORAGE)
    name = f"node{victim:02d}"
    watch.api.until_heard(("node02", "STOPPED"), (name, "STOPPED"))
    watch.monitors[first].start()
    ends = [(host, event) for host in ("node02", name) for event in ("STOPPED", "STARTED")]
    watch.ends_with(*ends)


def test_r8_the_reporters_own_host_dies(watch: Watch) -> None:
    """Its power is gone: its session ends with its agent, and a successor reports it."""
    dead = watch.reporter
    name = f"node{dead:02d}"
    watch.monitors[dead].signal(signal.SIGKILL)
    watch.cluster.kill(dead)
    watch.api.until_heard((name, "STOPPED"))
    watch.cluster.heal()
    watch.api.until_heard((name, "STOPPED"), (name, "STARTED"))
    watch.monitors[dead].start()
    watch.ends_with((name, "STOPPED"), (name, "STARTED"))


def test_r3_a_host_that_died_while_all_monitors_were_down_is_reported_once(watch: Watch) -> None:
    for monitor in watch.running:
        monitor.signal(signal.SIGTERM)
    watch.cluster.kill(5)
    until(lambda: watch.cluster.statuses(1, STORAGE)["node05"] == "critical", "Consul calls it critical")
    for monitor in watch.monitors.values():
        monitor.start()
    watch.api.until_heard(DOWN_5)
    # And a restart of all of them reports nothing twice.
    for monitor in watch.running:
        monitor.signal(signal.SIGKILL)
        monitor.start()
    watch.until_shown(5, ["failed, reported"], watch.others(5))
    watch.ends_with(DOWN_5, UP_5)


def test_r8_where_nobody_can_be_elected_everyone_reports(watch: Watch) -> None:
    """Management has lost its quorum for good: a duplicate is harmless, a report that nobody sends is not."""
    watch.cluster.kill(1, MANAGE)
    watch.cluster.kill(2, MANAGE)
    for monitor in watch.running:
        monitor.until_said("no reporter can be elected")
    watch.cluster.kill(5, STORAGE)
    watch.api.until_heard(DOWN_5, DOWN_5)
    assert {report.sender for report in watch.api.reports} == {"node03", "node04"}
    watch.cluster.start_agent(5, STORAGE)
    watch.api.until_heard(DOWN_5, DOWN_5, UP_5, UP_5)
    watch.ends_with(DOWN_5, DOWN_5, UP_5, UP_5)
