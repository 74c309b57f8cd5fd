"""Every way in which the manual's cluster fails, and exactly the reports that each must give.

Three monitors watch one real cluster. `until_heard` fails on any report beyond the expected ones, a
duplicate included, so each scenario also proves that one monitor sends and that nobody is accused.
"""

import signal

import pytest

from tests.fixtures.waiting import PATIENCE, until
from tests.integration.consul.cluster import MANAGE, STORAGE, TENANT, Datacentre, node_name
from tests.integration.consul.watch import Watch, rows

pytestmark = [pytest.mark.xdist_group("consul-scenarios"), pytest.mark.timeout(300)]

DOWN_5 = ("node05", "STOPPED")
UP_5 = ("node05", "STARTED")


def test_r8_r9_a_host_that_loses_its_power_is_reported_once_by_one_of_three(watch: Watch) -> None:
    watch.cluster.kill(5)
    watch.api.until_heard(DOWN_5)
    assert {report.payload["host_status"] for report in watch.api.offers} == {"NORMAL"}
    watch.ends_with(DOWN_5, UP_5)


def test_a_host_whose_agents_have_all_crashed_still_answers(watch: Watch) -> None:
    """Critical on every network, as a dead host is; but its kernel refuses connections, and its instances run.

    The storage network is last: one that is lost while another network shows the host alive is a failure of its own.
    """
    watch.cluster.kill(5, MANAGE, TENANT)
    others = watch.others(5)
    both = "host:node05 suspected: it is down on manage and tenant, "
    until(lambda: all(monitor.said(both) for monitor in others), "all see that it has lost both")
    watch.cluster.kill(5, STORAGE)
    held = "host:node05 held: .*it still answers: Consul agent on .* refuses"
    until(lambda: any(monitor.said(held) for monitor in others), "the reporter finds a sign of life")
    assert watch.api.heard(apart_from="node05") == []
    for dc in (MANAGE, TENANT, STORAGE):
        watch.cluster.cut(5, dc)
    watch.api.until_heard(DOWN_5, apart_from="node05")
    watch.ends_with(DOWN_5, UP_5, cut_off=5)


@pytest.mark.parametrize("carrier", [False, True], ids=["silent", "carrier"])
def test_r9_all_networks_cut_at_once_is_one_report_and_one_back(watch: Watch, carrier: bool) -> None:
    for dc in (MANAGE, TENANT, STORAGE):
        watch.cluster.cut(5, dc, carrier=carrier)
    watch.api.until_heard(DOWN_5)
    watch.ends_with(DOWN_5, UP_5)


def test_management_and_tenant_cut_alone_need_no_recovery(watch: Watch) -> None:
    """Its instances still reach their disks: the default matrix lets them run.

    Both are clients: a server may be out of the catalogue a second after its loss, which not everybody then sees.
    """
    watch.cluster.cut(5, MANAGE)
    watch.cluster.cut(4, TENANT)
    watch.until_shown(5, ["partly down"], watch.others(5))
    watch.until_shown(4, ["partly down"], watch.others(4))
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
    watch.cluster.kill(5, MANAGE, TENANT, STORAGE)
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
    # A leader that has never heard of it has taken it out: then a good-bye that was not heard is waited for first.
    watch.api.until_heard(DOWN_5, within=2 * PATIENCE)
    watch.ends_with(DOWN_5, UP_5)


@pytest.mark.parametrize("link", [MANAGE, TENANT, STORAGE], ids=lambda dc: dc.link)
def test_r1_an_observer_cut_from_one_network_accuses_nobody(watch: Watch, link: Datacentre) -> None:
    """The reporter's own NIC fails. It says that it is blind; another accuses *it*, where storage is lost.

    The node is a client: with a leader of the network gone nobody sees it until there is another.
    """
    cut_off = 4
    watch.make_reporter(cut_off)
    watch.cluster.cut(cut_off, link)
    watch.until_blind(link.link, [watch.monitors[cut_off]])
    others = watch.others(cut_off)
    name = f"node{cut_off:02d}"
    if link is STORAGE:
        watch.api.until_heard((name, "STOPPED"))
        assert watch.api.offers[0].sender != name
        watch.ends_with((name, "STOPPED"), (name, "STARTED"))
    else:
        watch.until_shown(cut_off, ["partly down"], others)
        watch.ends_with()


def test_r1_an_observer_cut_from_everything_is_the_only_one_accused(watch: Watch) -> None:
    """Left alone for as long as its gossip needs to call every peer failed, it still accuses nobody."""
    cut_off = 4
    watch.make_reporter(cut_off)
    name = f"node{cut_off:02d}"
    for dc in (MANAGE, TENANT, STORAGE):
        watch.cluster.cut(cut_off, dc)
    watch.api.until_heard((name, "STOPPED"))
    assert watch.api.offers[0].sender != name

    def alone() -> bool:
        return all(
            status == 4
            for dc in (MANAGE, TENANT, STORAGE)
            for member, status in watch.cluster.members(cut_off, dc).items()
            if member != name
        )

    until(alone, "gossip of the cut-off node calls all its peers failed")
    watch.ends_with((name, "STOPPED"), (name, "STARTED"))


def test_r11_a_reporter_that_is_blind_where_nothing_is_decided_loses_no_failure(watch: Watch) -> None:
    """It sees as much of what the matrix asks for as any other; who sees more of the rest takes over after 10 s.

    So it is blinded when the failure is seen already: a report that is made just when somebody takes over is offered by
    both, the same one, and masakari takes it once.
    """
    first = watch.reporter
    victim = watch.victim(first)
    name = node_name(victim)
    watch.cluster.kill(victim, STORAGE)
    watch.until_shown(victim, ["failing, not reported yet", "failed, reported"], [watch.monitors[first]])
    watch.cluster.kill(first, TENANT)
    watch.until_blind("tenant", [watch.monitors[first]])
    watch.api.until_heard((name, "STOPPED"))
    watch.ends_with((name, "STOPPED"), (name, "STARTED"))


def test_r11_a_reporter_that_is_blind_where_it_is_decided_steps_down_and_is_accused(watch: Watch) -> None:
    first = watch.reporter
    name = node_name(first)
    watch.cluster.kill(first, STORAGE)
    watch.until_blind("storage", [watch.monitors[first]])
    watch.api.until_heard((name, "STOPPED"), apart_from=name)
    assert watch.reporter != first
    watch.ends_with((name, "STOPPED"), (name, "STARTED"), cut_off=first)


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
    until(lambda: watch.reporter != hung, "another takes the leadership over")
    watch.ends_with()


def test_r10_a_node_pruned_from_one_datacentre_shifts_nobody(watch: Watch) -> None:
    """node05 is forgotten by management; then another and node05 itself lose their storage, and both are seen."""
    victim = watch.follower(STORAGE)
    name = node_name(victim)
    watch.cluster.leave(5, MANAGE)
    watch.cluster.prune(1, MANAGE, 5)
    watch.until_shown(5, ["left", "not fully seen"], watch.others(5))
    watch.cluster.kill(victim, STORAGE)
    watch.api.until_heard((name, "STOPPED"), apart_from="node05")
    watch.cluster.kill(5, STORAGE)
    watch.api.until_heard((name, "STOPPED"), DOWN_5, apart_from="node05")
    watch.ends_with((name, "STOPPED"), (name, "STARTED"), DOWN_5, UP_5, cut_off=5)


def test_r8_a_reporter_whose_agent_leaves_stops_at_once(watch: Watch) -> None:
    """Its session ends with its agent, and a successor reports; it still sees the failure, and says nothing."""
    watch.make_reporter(5)
    victim = watch.follower(STORAGE)
    watch.cluster.leave(5, MANAGE)
    watch.cluster.kill(victim, STORAGE)
    watch.api.until_heard((node_name(victim), "STOPPED"), apart_from="node05")
    watch.until_shown(victim, ["failing, not reported yet", "failed, reported"], [watch.monitors[5]])
    watch.ends_with((node_name(victim), "STOPPED"), (node_name(victim), "STARTED"), cut_off=5)


def test_r8_the_reporter_is_killed_and_the_next_one_reports(watch: Watch) -> None:
    """SIGKILL: nobody says good-bye for it. Its host lives, and another fails at the same moment."""
    killed = watch.reporter
    watch.monitors[killed].signal(signal.SIGKILL)
    watch.cluster.kill(2, STORAGE)
    watch.api.until_heard(("node02", "STOPPED"))
    assert watch.api.offers[0].sender != f"node{killed:02d}"
    assert watch.reporter != killed
    watch.monitors[killed].start()
    watch.ends_with(("node02", "STOPPED"), ("node02", "STARTED"))


def test_r8_a_successor_reports_what_is_open_and_nothing_twice(watch: Watch) -> None:
    """node02's failure is reported; then the reporter stops cleanly, and a client's falls to the next.

    The reporter is a server's: with another server's agent dead beside node02's nobody would speak for storage.
    """
    watch.make_reporter(3)
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


def test_r8_a_reporter_without_a_way_to_masakari_gives_its_place_to_one_that_has_one(watch: Watch) -> None:
    """Its password has expired, say: nothing that it sends arrives, and the cluster sees nothing wrong with it."""
    cut_off = watch.reporter
    name = node_name(cut_off)
    victim = watch.victim(cut_off)
    watch.api.shut_out.add(name)
    try:
        watch.cluster.kill(victim, STORAGE)
        watch.api.until_heard((node_name(victim), "STOPPED"), apart_from=name)
        assert watch.reporter != cut_off
    finally:
        watch.api.shut_out.clear()
    watch.api.offers[:] = [offer for offer in watch.api.offers if offer.sender != name]
    watch.ends_with((node_name(victim), "STOPPED"), (node_name(victim), "STARTED"))


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


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_r3_a_host_that_died_while_all_monitors_were_down_is_reported_once(
    watch: Watch, before: bool
) -> None:
    """Also when masakari has a report of it from a moment ago, and was told that it is back."""
    if before:
        watch.cluster.cut(5, STORAGE)
        watch.api.until_heard(DOWN_5)
        watch.ends_with(DOWN_5, UP_5)
        watch.begin()
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
    """Management has lost its quorum for good: each looks first whether masakari has it, so one report is made."""
    watch.cluster.kill(1, MANAGE)
    watch.cluster.kill(2, MANAGE)
    for monitor in watch.running:
        until(lambda m=monitor: rows(m).get("reporter") == "all", f"{monitor.name} reports for itself")  # type: ignore[misc]
    watch.cluster.kill(5, STORAGE)
    watch.api.until_heard(DOWN_5)
    watch.until_shown(5, ["failed, reported"], watch.others(5))
    watch.cluster.start_agent(5, STORAGE)
    watch.api.until_heard(DOWN_5, UP_5)
    watch.ends_with(DOWN_5, UP_5)
