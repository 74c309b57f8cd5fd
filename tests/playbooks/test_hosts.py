"""The host monitor's core as a dialogue: what is seen, and what is told to masakari."""

import pytest

from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import Membership, Power, Sighting, Work
from tests.fixtures.host_play import (
    OWN,
    THREE,
    Play,
    pacemaker_policy,
    policy,
    started,
    stopped,
)

U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN


def test_a_dead_host_is_reported_once_after_the_settling_time() -> None:
    play = Play().all_up("node05").cut("node05")
    play.wait(1.9)
    assert play.reports == []
    play.wait(0.1)
    assert play.reports == [stopped("node05")]
    play.wait(3600)
    assert play.reports == [stopped("node05")]
    assert "down on manage, tenant and storage" in play.last("host:node05").why
    assert "serfHealth critical" in play.last("host:node05").evidence


def test_three_down_samples_make_one_report_and_one_up_none() -> None:
    play = Play(pacemaker_policy(samples=3, sample_interval=5.0)).all_up("node05").wait(60)
    play.cut("node05").wait(5)
    play.cut("node05")  # the same said again between two samples does not count
    play.wait(4.9)
    assert play.reports == []
    play.wait(0.2)  # third sample at 10 s
    play.wait(2)
    assert play.reports == [stopped("node05")]


def test_two_down_samples_and_one_up_make_no_report() -> None:
    play = Play(pacemaker_policy(samples=3)).all_up("node05").wait(60)
    play.cut("node05").wait(6).heal("node05").wait(600)
    assert play.reports == []


def test_an_up_sample_in_between_starts_the_count_again() -> None:
    play = Play(pacemaker_policy(samples=3)).all_up("node05").wait(60)
    play.cut("node05").wait(9).heal("node05").cut("node05").wait(9.9)
    assert play.reports == []
    play.wait(2.2)
    assert play.reports == [stopped("node05")]


def test_a_blip_shorter_than_the_settling_time_is_no_failure() -> None:
    play = Play().all_up("node05").cut("node05").wait(1.5).heal("node05").wait(600)
    assert play.reports == []
    assert play.said("host:node05")[-1] == "recovered"


def test_a_host_that_only_lost_other_networks_is_not_recovered() -> None:
    play = Play().all_up("node05").cut("node05", "manage", "tenant").wait(600)
    assert play.reports == []
    assert "no recovery" in play.last("host:node05").why


def test_r1_the_monitors_own_network_fails_and_nobody_else_is_accused() -> None:
    hosts = [f"node{n:02}" for n in range(2, 100)]
    play = Play().all_up(*hosts)
    play.view("storage", proven=False, why="default-consistency reads time out")
    for host in hosts:  # what an isolated agent says, one after another
        play.wait(3).cut(host, "storage")
    play.wait(3600)
    assert play.reports == []
    assert play.said("link:storage")[-1] == "blind"
    assert play.last("link:storage").alarm
    play.view("storage").sees("storage", dict.fromkeys(hosts, U), whole=True).wait(600)
    assert play.reports == []


def test_r1_an_authority_that_lapses_by_itself_accuses_nobody() -> None:
    play = Play().all_up("node05")
    play.view("storage", good_for=5.0).wait(4.9).view("storage", good_for=5.0).wait(4.9)
    assert play.said("link:storage") == ["recovered"]
    play.wait(0.2)
    assert play.last("link:storage").ruling.value == "blind"
    play.cut("node05", "storage").wait(600)
    assert play.reports == []
    play.view("storage", good_for=5.0).wait(2.1)  # the source was only slow: its word counts again
    assert play.reports == [stopped("node05")]


def test_after_a_loss_of_sight_only_a_complete_listing_counts() -> None:
    play = Play().all_up("node05", "node06")
    play.cut("node05", "storage").view("storage", proven=False).wait(60)
    play.view("storage").wait(60)
    assert play.reports == []  # what was seen before the loss is stale
    play.sees("storage", {OWN: U, "node05": U, "node06": D}, whole=True).wait(60)
    assert play.reports == [stopped("node06")]


def test_the_monitors_own_host_is_never_judged() -> None:
    play = Play().all_up("node05").cut(OWN).wait(600)
    assert play.reports == []


def test_r2_a_host_that_leaves_by_itself_is_planned() -> None:
    play = Play().all_up("node05").cut("node05", to=L).wait(600)
    assert play.reports == []
    assert play.said("host:node05") == ["planned"]
    play.heal("node05").wait(60)
    assert play.reports == []


def test_r2_a_host_that_left_and_never_comes_back_is_warned_about_once() -> None:
    play = Play(policy(left_warning=3600.0)).all_up("node05").cut("node05", to=L)
    play.wait(3599)
    assert not play.last("host:node05").alarm
    play.wait(2)
    assert play.last("host:node05").alarm
    count = len(play.told)
    play.wait(86400)
    assert len(play.told) == count
    assert play.reports == []


def test_r2_failed_then_left_is_still_failed() -> None:
    """Consul's autopilot turns a killed server into left after 13 s, before the third sample."""
    play = Play(policy(samples=3)).all_up("node05").wait(60)
    play.cut("node05").wait(7).cut("node05", to=L)
    play.sees("storage", {OWN: U}, whole=True).wait(10)
    assert play.reports == [stopped("node05")]


def test_failed_then_gone_from_the_list_is_still_failed() -> None:
    play = Play().all_up("node05").cut("node05")
    for link in THREE:
        play.sees(link, {OWN: U}, whole=True)
    play.wait(5)
    assert play.reports == [stopped("node05")]


def test_left_and_then_really_lost_is_a_failure() -> None:
    """A clean stop of Pacemaker alone; then the host loses power while corosync still ran."""
    play = Play(pacemaker_policy()).all_up("node05").cut("node05", to=L).wait(60).cut("node05").wait(5)
    assert play.reports == [stopped("node05")]


def test_a_host_that_vanishes_without_a_word_is_not_accused_but_shown() -> None:
    play = Play(pacemaker_policy()).all_up("node05")
    play.sees("cluster", {OWN: U}, whole=True).wait(600)
    assert play.reports == []
    assert play.last("host:node05").alarm


def test_r3_down_at_start_and_last_known_up_is_reported_once() -> None:
    first = Play().all_up("node05")
    second = Play(memory=first.memory)
    for link in THREE:
        second.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
    second.wait(600)
    assert second.reports == [stopped("node05")]


def test_r3_down_at_start_and_registered_in_masakari_is_reported_once() -> None:
    play = Play(policy(lookup=True))
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D, "node06": D}, whole=True)
    play.wait(10)
    assert play.reports == []
    play.registry({"node05": False, OWN: False}).wait(600)
    assert play.reports == [stopped("node05")]
    assert "no failover segment" in play.last("host:node06").why


def test_r3_a_failing_lookup_holds_nothing() -> None:
    play = Play(policy(lookup=True))
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
    play.registry(None).wait(5)
    assert play.reports == [stopped("node05")]


def test_r3_a_lookup_that_never_answers_holds_for_a_minute_at_most() -> None:
    play = Play(policy(lookup=True, lookup_patience=60.0))
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
    play.wait(59)
    assert play.reports == []
    play.wait(2)
    assert play.reports == [stopped("node05")]


def test_without_lookup_a_host_never_seen_up_is_not_reported() -> None:
    play = Play()
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
    play.wait(600)
    assert play.reports == []


def test_a_restart_reports_nothing_twice() -> None:
    play = Play().all_up("node05").cut("node05").wait(5)
    for _ in range(3):
        play.start()
        play.wait(10)
        for link in THREE:
            play.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
        play.wait(600)
    assert play.reports == [stopped("node05")]


def test_a_report_that_a_restart_finds_undelivered_waits_until_the_host_is_seen_again() -> None:
    play = Play(api=False).all_up("node05", "node06").cut("node05").cut("node06").wait(5)
    first = play.sent[0]
    play.start_with_its_reports()
    assert len(play.unconfirmed) == 2
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D, "node06": U}, whole=True)
    assert (play.confirmed, play.dropped) == ([], ["host:node06"])
    play.wait(5)
    assert sorted(play.reports[2:]) == [stopped("node05"), started("node06")]
    assert first in play.sent, "the same report, with the time of the first"
    assert (play.confirmed, play.unconfirmed) == (["host:node05"], [])


def test_a_recovery_during_a_restart_is_announced() -> None:
    play = Play().all_up("node05").cut("node05").wait(5)
    play.start()
    play.all_up("node05").wait(60)
    assert play.reports == [stopped("node05"), started("node05")]


def test_failed_before_a_restart_and_pruned_after_it_is_still_reported() -> None:
    """The report was not yet due when the monitor stopped; meanwhile the host left every list."""
    play = Play(policy(samples=3)).all_up("node05").wait(60).cut("node05").wait(6)
    play.start()
    for link in THREE:
        play.view(link).sees(link, {OWN: U}, whole=True)
    play.wait(60)
    assert play.reports == [stopped("node05")]


def test_r9_one_cut_and_restore_is_one_stopped_and_one_started() -> None:
    play = Play().all_up("node05")
    for link in THREE:  # links of one cut arrive one after another, and come back so
        play.cut("node05", link).wait(20)
    for link in THREE:
        play.heal("node05", link).wait(20)
    assert play.reports == [stopped("node05"), started("node05")]
    assert play.withdrawn == ["host:node05"]


def test_r9_however_the_vector_moves_in_between() -> None:
    play = Play().all_up("node05").cut("node05", "storage").wait(10)
    for _ in range(5):
        play.cut("node05", "manage").wait(10).heal("node05", "storage").wait(10)
        play.cut("node05", "storage").wait(10)
    assert play.reports == [stopped("node05")]
    assert any(verdict.alarm and "second time" in verdict.why for verdict in play.told)
    play.heal("node05").wait(10)
    assert play.reports == [stopped("node05"), started("node05")]


def test_a_second_outage_is_reported_again() -> None:
    play = Play().all_up("node05")
    for _ in range(3):
        play.cut("node05").wait(60).heal("node05").wait(60)
    assert play.reports == [stopped("node05"), started("node05")] * 3


def test_r10_a_node_missing_from_one_datacentre_shifts_nothing() -> None:
    play = Play().all_up("node05", "node06")
    play.sees("tenant", {OWN: U, "node06": U}, whole=True).wait(60)
    assert play.reports == []
    play.cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05")]  # storage down means recovery whatever tenant is
    play.heal("node05", "storage").wait(5)
    assert play.reports == [stopped("node05"), started("node05")]


def test_r11_one_unreachable_agent_does_not_blind_the_others() -> None:
    play = Play().all_up("node05")
    play.view("manage", proven=False).cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05")]
    assert "whatever manage may be" in play.last("host:node05").why


def test_r11_what_depends_on_the_missing_link_is_held_and_says_so() -> None:
    play = Play().all_up("node05")
    play.view("storage", proven=False).cut("node05", "manage", "tenant").wait(600)
    assert play.reports == []
    assert "storage" in play.last("host:node05").why and play.last("host:node05").alarm
    play.view("storage").sees("storage", {OWN: U, "node05": D}, whole=True).wait(5)
    assert play.reports == [stopped("node05")]


def test_losing_sight_during_the_settling_time_holds_the_report() -> None:
    play = Play().all_up("node05").cut("node05").wait(1)
    for link in THREE:
        play.view(link, proven=False)
    play.wait(600)
    assert play.reports == []
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
    play.wait(5)
    assert play.reports == [stopped("node05")]


def test_losing_sight_does_not_end_an_outage() -> None:
    play = Play().all_up("node05").cut("node05").wait(5).view("storage", proven=False)
    play.heal("node05", "manage", "tenant").wait(600)
    assert play.reports == [stopped("node05")]
    play.view("storage").sees("storage", {OWN: U, "node05": U}, whole=True).wait(5)
    assert play.reports == [stopped("node05"), started("node05")]


def test_a_storm_is_held_shouted_about_and_released_when_it_stands() -> None:
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play().all_up(*hosts)
    for host in hosts[:6]:
        play.cut(host, "storage")
    play.wait(299)
    assert play.reports == []
    assert play.last("storm:all hosts").alarm
    play.wait(5)
    assert sorted(play.reports) == [stopped(host) for host in hosts[:6]]


def test_a_storm_that_passes_reports_nothing() -> None:
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play().all_up(*hosts)
    for host in hosts:
        play.cut(host)
    play.wait(200)
    for host in hosts:
        play.heal(host)
    play.wait(3600)
    assert play.reports == []


def test_a_storm_counts_the_seconds_in_which_its_hosts_are_seen() -> None:
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play().all_up(*hosts)
    for host in hosts:
        play.cut(host, "storage")
    play.wait(200).view("storage", proven=False).wait(50)
    play.view("storage").sees("storage", dict.fromkeys(hosts, D), whole=True).wait(99)
    assert play.reports == []
    play.wait(3)
    assert len(play.reports) == len(hosts)


def test_a_gap_of_some_seconds_in_each_five_minutes_does_not_keep_a_storm_for_ever() -> None:
    hosts = [f"node{n:02}" for n in range(2, 22)]
    play = Play().all_up(*hosts)
    for host in hosts[:12]:
        play.cut(host, "storage")
    for _ in range(2):
        play.wait(290).view("storage", proven=False).wait(9)
        play.view("storage").listing("storage", {h: Sighting(D if h in hosts[:12] else U) for h in hosts})
    assert len(play.reports) == 12


def test_a_storm_of_hosts_that_nothing_proves_to_be_off_is_not_released_by_time() -> None:
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play(policy(lookup=True)).all_up(*hosts).registry(dict.fromkeys(hosts, False))
    for host in hosts[:6]:
        play.cut(host)
    play.wait(3600)
    assert play.reports == []
    held = play.last("host:node02")
    assert held.alarm and "nothing can prove that it is off" in held.why
    # Nor by a restart.
    play.start()
    for link in THREE:
        play.view(link).sees(link, {h: D if h in hosts[:6] else U for h in hosts}, whole=True)
    play.registry(dict.fromkeys(hosts, False)).wait(3600)
    assert play.reports == []
    # An operator has looked, and says so in masakari.
    play.registry({**dict.fromkeys(hosts, False), "node02": True}).wait(60)
    assert play.reports == []
    play.registry(dict.fromkeys(hosts, False)).wait(5)
    assert play.reports == [stopped("node02")]


def test_the_one_host_that_stays_down_after_a_storm_is_reported() -> None:
    """The switch is back, and so are all others: what is left is no storm, but a host that died with it."""
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play().all_up(*hosts)
    for host in hosts:
        play.cut(host)
    play.wait(600)
    for host in hosts[1:]:
        play.heal(host, "manage").wait(20).heal(host, "tenant", "storage")
    play.wait(200)
    assert play.reports == []
    play.wait(600)
    assert play.reports == [stopped("node02")]


def test_nine_of_nine_hosts_lost_one_by_one_are_a_storm_from_the_fifth_on() -> None:
    hosts = [f"node{n:02}" for n in range(2, 11)]
    play = Play().all_up(*hosts)
    for host in hosts:
        play.cut(host).wait(600)
    assert play.reports == [stopped(host) for host in hosts[:4]]
    assert play.last("storm:all hosts").alarm
    assert all(play.last(f"host:{host}").alarm for host in hosts[4:])


def test_half_of_the_hosts_is_not_yet_a_storm() -> None:
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play().all_up(*hosts)
    for host in hosts[:5]:
        play.cut(host)
    play.wait(5)
    assert len(play.reports) == 5


def test_two_hosts_are_never_a_storm() -> None:
    play = Play().all_up("node02", "node03").cut("node02").cut("node03").wait(5)
    assert len(play.reports) == 2


def test_a_failure_domain_has_a_lower_threshold_of_its_own() -> None:
    hosts = [f"node{n:02}" for n in range(2, 32)]
    domains = {host: "rack1" if n < 10 else "rack2" for n, host in enumerate(hosts)}
    play = Play(policy(guard=GuardPolicy(domain_threshold=30.0), domains=domains)).all_up(*hosts)
    for host in [*hosts[:4], hosts[20]]:
        play.cut(host, "storage")
    play.wait(10)
    assert play.reports == [stopped(hosts[20])]
    assert play.last("storm:rack1").alarm
    play.wait(300)
    assert len(play.reports) == 5


def test_the_storm_guard_can_be_turned_off() -> None:
    hosts = [f"node{n:02}" for n in range(2, 12)]
    play = Play(policy(guard=GuardPolicy(threshold=0.0))).all_up(*hosts)
    for host in hosts:
        play.cut(host)
    play.wait(5)
    assert len(play.reports) == len(hosts)


def test_maintenance_in_masakari_is_shown_and_warned_about_when_it_stays() -> None:
    play = Play(policy(lookup=True, maintenance_warning=86400.0)).all_up("node05")
    play.registry({"node05": True})
    assert play.said("host:node05") == ["planned"]
    for _ in range(24 * 60):
        play.wait(60).registry({"node05": True})
    assert play.last("host:node05").alarm
    assert play.said("host:node05") == ["planned", "planned"]
    play.registry({"node05": False})
    assert "has ended" in play.last("host:node05").why


def test_a_host_put_back_into_service_has_a_new_outage_even_if_one_link_never_came_back() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False}).cut("node05").wait(5)
    play.registry({"node05": True}).heal("node05", "tenant", "storage").wait(200)
    assert play.reports == [stopped("node05")]
    play.registry({"node05": False}).wait(60)
    assert play.reports == [stopped("node05"), started("node05")]
    assert any("put back into service" in told.why and told.alarm for told in play.told)
    play.cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05"), started("node05"), stopped("node05")]


def test_a_maintenance_that_ended_before_the_host_was_back_closes_its_outage_when_it_is() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False}).cut("node05").wait(5)
    play.registry({"node05": True}).wait(600).registry({"node05": False}).wait(60)
    play.heal("node05", "tenant", "storage").wait(60)
    play.cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05"), started("node05"), stopped("node05")]


def test_without_look_up_an_outage_closes_by_time_and_the_next_failure_is_reported() -> None:
    play = Play().all_up("node05").cut("node05").wait(5).heal("node05", "tenant", "storage")
    play.wait(299)
    assert play.reports == [stopped("node05")]
    play.wait(2)
    assert play.reports == [stopped("node05"), started("node05")]
    assert any("asked for no recovery for 5 min" in told.why and told.alarm for told in play.told)
    play.wait(86400).cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05"), started("node05"), stopped("node05")]


def test_a_host_that_is_nowhere_any_more_is_forgotten() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False})
    play.cut("node05", to=L)
    for link in THREE:
        play.sees(link, {OWN: U}, whole=True)
    play.registry({OWN: False}).wait(7200)
    assert "host:node05" not in play.memory
    told = [verdict for verdict in play.told if verdict.subject == "host:node05"]
    assert not told[-1].alarm
    assert not any("more than" in verdict.why for verdict in told), "nobody waits for it to come back"


def test_a_host_that_says_goodbye_in_service_is_an_alarm_and_on_maintenance_is_none() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False}).cut("node05", to=L).wait(60)
    assert play.reports == []
    alarms = [(play.told[-1].alarm, play.told[-1].why)]
    for flag, seconds in ((True, 60), (True, 7200), (False, 0)):
        play.registry({"node05": flag}).wait(seconds)
        alarms.append((play.told[-1].alarm, play.told[-1].why))
    assert [alarm for alarm, _ in alarms] == [True, False, False, True]
    assert "nobody recovers its instances" in alarms[0][1] and "left by itself" in alarms[1][1]


def test_standby_and_maintenance_of_the_cluster_engine_are_shown() -> None:
    play = Play(pacemaker_policy()).work("node05", Work.STANDBY).all_up("node05").wait(60)
    play.work("node05", Work.NONE).wait(60)
    assert play.reports == []
    assert play.said("host:node05") == ["planned", "planned"]


def test_a_host_whose_name_masakari_would_refuse_is_shown_not_lost_in_silence() -> None:
    play = Play(pacemaker_policy()).all_up("node 05").cut("node 05").wait(60)
    assert play.reports == []
    assert "cannot be reported" in play.last("host:node 05").why


def test_a_matrix_of_the_operator() -> None:
    rules = matrix.Matrix(("manage", "ipmi"), frozenset({(False, False)}))
    play = Play(policy(matrix=rules)).all_up("node05").cut("node05", "manage").wait(60)
    assert play.reports == []
    play.cut("node05", "ipmi").wait(5)
    assert play.reports == [stopped("node05")]


def test_power_is_not_asked_about_when_no_proof_is_needed() -> None:
    play = Play(pacemaker_policy()).all_up("node05").cut("node05").wait(5)
    assert play.reports == [stopped("node05")]
    assert play.asked == []
    play.power("node05", Power.OFF).wait(60)
    assert play.reports == [stopped("node05")]


TWENTY = [f"node{n:02}" for n in range(2, 22)]
RACK2 = TWENTY[10:]


def test_the_worked_example_ten_of_twenty_are_reported() -> None:
    play = Play().all_up(*TWENTY)
    for host in RACK2:
        play.cut(host, "storage")
    play.wait(2)
    assert len(play.reports) == 10


def test_the_worked_example_eleven_of_twenty_are_held_for_five_minutes() -> None:
    play = Play().all_up(*TWENTY)
    for host in TWENTY[9:]:
        play.cut(host, "storage")
    play.wait(299)
    assert play.reports == []
    play.wait(1)
    assert len(play.reports) == 11


def test_the_worked_example_one_by_one_ten_are_out_before_the_storm() -> None:
    play = Play().all_up(*TWENTY)
    for host in TWENTY[9:]:
        play.cut(host, "storage").wait(5)
    assert len(play.reports) == 10
    assert play.last("storm:all hosts").alarm


def test_the_worked_example_a_domain_of_its_own() -> None:
    domains = {host: "rack2" if host in RACK2 else "rack1" for host in TWENTY}
    play = Play(policy(domains=domains, guard=GuardPolicy(domain_threshold=40.0))).all_up(*TWENTY)
    for host in (*RACK2[:5], TWENTY[0]):
        play.cut(host, "storage")
    play.wait(2)
    assert play.reports == [stopped(TWENTY[0])]
    assert play.last("storm:rack2").alarm


def test_one_flapping_host_cannot_hold_up_a_storms_release() -> None:
    play = Play(policy(samples=2, sample_interval=1.0)).all_up(*TWENTY).wait(60)
    for host in TWENTY[:12]:
        play.cut(host, "storage")
    for _ in range(60):
        play.wait(20).heal(TWENTY[0], "storage").wait(0.5).cut(TWENTY[0], "storage")
    assert len(play.reports) >= 11


def test_a_failed_host_is_not_forgotten_before_it_was_told_though_masakari_lists_nothing() -> None:
    play = Play(policy(lookup=True, samples=3)).all_up("node05").wait(60).cut("node05").wait(6)
    for link in THREE:
        play.sees(link, {OWN: U}, whole=True)
    play.registry({}).wait(30)
    assert play.reports == [stopped("node05")]


def test_a_source_that_speaks_of_a_link_that_nobody_knows_is_a_loud_bug() -> None:
    with pytest.raises(ValueError, match="cluster"):
        Play().sees("cluster", {"node05": D})


def test_what_was_partly_back_and_failed_again_out_of_sight_is_an_alarm() -> None:
    play = Play(policy(lookup=True)).all_up("node05").cut("node05").wait(65).registry({"node05": True})
    play.heal("node05", "tenant", "storage").wait(150).view("storage", proven=False).wait(10)
    play.view("storage").sees("storage", {OWN: U, "node05": D}, whole=True).wait(60)
    assert play.reports == [stopped("node05")]
    assert play.last("host:node05").alarm and "fails again" in play.last("host:node05").why


def test_a_decision_that_failed_silences_no_later_alarm() -> None:
    """The daemon keeps the state as it was before it: with an alarm that has gone off already."""
    play = Play().all_up("node05", "node06").cut("node05")
    play.alarms.clear()
    play.wait(5).cut("node06", "manage").cut("node06", "storage").wait(5)
    assert set(play.reports) == {stopped("node05"), stopped("node06")}


def test_gaps_of_sight_do_not_keep_an_outage_open_for_ever() -> None:
    play = Play().all_up("node05").cut("node05").wait(5).heal("node05", "tenant", "storage")
    for _ in range(3):
        play.wait(150).view("storage", proven=False).wait(5)
        play.view("storage").sees("storage", {OWN: U, "node05": U}, whole=True)
    assert play.state.hosts["node05"].outage is None
    play.cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05"), started("node05"), stopped("node05")]


def test_a_gap_of_sight_does_not_hide_that_it_failed_again() -> None:
    """Each return is given its whole time: one event is one report."""
    play = Play().all_up("node05").cut("node05").wait(5).heal("node05", "tenant", "storage").wait(200)
    play.cut("node05", "storage").wait(30).heal("node05", "storage").wait(200)
    play.view("storage", proven=False).wait(5)
    play.view("storage").sees("storage", {OWN: U, "node05": U}, whole=True).wait(90)
    assert play.state.hosts["node05"].outage is not None
    play.wait(10)
    assert play.state.hosts["node05"].outage is None
