"""One reporter: every monitor judges, the leader reports, the next leader sends again what is open."""

import datetime

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.explained import count, explain
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, outages, owed_in, with_owed
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from masakarimonitors.hostmonitor.status import describe
from tests.fixtures.host_play import OWN, THREE, Play, pacemaker_policy, policy, started, stopped
from tests.fixtures.playbook import EPOCH

RULES = policy(elected=True)
WHEN = EPOCH + datetime.timedelta(hours=2)


def entry(delivered: bool = True, status: HostStatus = HostStatus.NORMAL) -> LedgerEntry:
    return LedgerEntry(status, WHEN, delivered)


def test_r8_three_monitors_and_one_report() -> None:
    plays = [Play(RULES) for _ in range(3)]
    for n, play in enumerate(plays):
        play.all_up("node05").leadership(n == 0, "node02").cut("node05").wait(60)
    assert [play.reports for play in plays] == [[stopped("node05")], [], []]
    assert "node02 reports it" in plays[1].last("host:node05").why


def test_before_the_first_word_of_an_election_reports_are_held() -> None:
    play = Play(RULES).all_up("node05").cut("node05").wait(60)
    assert play.reports == []
    play.leadership(True, OWN, {})
    assert play.reports == [stopped("node05")]


def test_where_the_reporter_is_not_known_nothing_else_is_claimed() -> None:
    """A monitor that is cut off from the election cannot say that nobody reports: another one probably does."""
    play = Play(RULES).all_up("node05").leadership(False, "").cut("node05").wait(60)
    assert play.reports == []
    assert play.last("reporter").why.startswith("it is not known which monitor reports")
    assert play.last("host:node05").why == "held: it is not known which monitor reports"


def test_the_leader_writes_what_the_next_one_must_know() -> None:
    play = Play(RULES, api=False).all_up("node05").leadership(True, OWN, {}).cut("node05").wait(5)
    assert play.ledgers[-1] == {"node05": LedgerEntry(HostStatus.NORMAL, play.sent[0].generated_time, False)}
    play.delivered("node05")
    assert play.ledgers[-1] == {"node05": LedgerEntry(HostStatus.NORMAL, play.sent[0].generated_time, True)}
    play.heal("node05").wait(5)
    assert outages(play.ledgers[-1]) == {} and (owed_in(play.ledgers[-1]) or {}).keys() == {"node05"}


def test_the_next_leader_reports_what_nobody_has_reported() -> None:
    play = (
        Play(RULES)
        .all_up("node05", "node06")
        .leadership(False, "node02")
        .cut("node05")
        .cut("node06")
        .wait(30)
    )
    play.leadership(True, OWN, {"node06": entry()}).wait(60)
    assert play.reports == [stopped("node05")]


def test_the_next_leader_sends_again_what_may_never_have_arrived_as_the_same_report() -> None:
    play = Play(RULES).all_up("node05").leadership(False, "node02").cut("node05").wait(30)
    play.leadership(True, OWN, {"node05": entry(delivered=False)}).wait(60)
    assert play.reports == [stopped("node05")]
    assert play.sent[0].generated_time == WHEN  # so that masakari can tell it from a second failure
    play.wait(3600)
    assert len(play.reports) == 1


def test_the_next_leader_sends_nothing_again_for_a_host_that_is_back() -> None:
    play = Play(RULES).all_up("node05").leadership(True, OWN, {"node05": entry(delivered=False)}).wait(60)
    assert play.reports == [started("node05")]
    assert outages(play.ledgers[-1]) == {}


def test_a_ledger_read_before_the_hosts_are_seen_is_kept() -> None:
    play = Play(RULES).leadership(True, OWN, {"node05": entry()})
    for link in THREE:
        play.view(link).sees(link, {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True)
    play.wait(60)
    assert play.reports == []
    play.all_up("node05").wait(5)
    assert play.reports == [started("node05")]


def test_an_outage_that_the_other_leader_closed_is_reported_anew() -> None:
    play = Play(RULES).all_up("node05").leadership(True, OWN, {}).cut("node05").wait(5)
    play.leadership(False, "node02")
    for link in THREE:
        play.view(link, proven=False)
    play.wait(600)  # meanwhile node05 came back, node02 said so, and node05 failed again
    for link in THREE:
        play.view(link).sees(link, {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True)
    play.leadership(True, OWN, {}).wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]


def test_a_leader_that_was_itself_reported_announces_its_return_when_it_sees_every_link() -> None:
    play = Play(RULES).leadership(True, OWN, {OWN: entry()}).all_up("node05", links=("manage", "tenant"))
    assert play.reports == []
    play.all_up("node05").wait(60)
    assert play.reports == [started(OWN)]
    assert play.ledgers[-1] == {}  # so that its next death is reported by a successor


def test_a_host_that_its_cluster_calls_by_another_name_is_its_own_in_the_ledger() -> None:
    """Nothing is ever seen of it here: what was adopted as another host's outage would stay open for good."""
    rules = pacemaker_policy(elected=True, own="ctrl1.example.org", own_names=frozenset({"ctrl1"}))
    ledger = with_owed({"Ctrl1": entry()}, {"ctrl1": {"owed": "OUT", "at": WHEN.isoformat()}})
    play = Play(rules).leadership(False, "ctrl2", ledger).all_up("ctrl2").wait(60)
    assert play.state.hosts.keys() == {OWN, "ctrl2"}
    play.leadership(True, "ctrl1", ledger).wait(60)
    assert play.state.hosts.keys() == {OWN, "ctrl2"} and play.reports == [started("Ctrl1")]
    assert outages(play.ledgers[-1]) == {} and (owed_in(play.ledgers[-1]) or {}).keys() == {"ctrl1"}


def test_nor_is_it_one_that_no_link_lists_where_masakari_calls_it_so() -> None:
    rules = pacemaker_policy(lookup=True, own="ctrl1.example.org", own_names=frozenset({"ctrl1"}))
    play = Play(rules).all_up("ctrl2").wait(61).registry({"Ctrl1": False, "ctrl2": False})
    assert play.said("hosts unseen") == []
    assert not any(row.subject == "hosts unseen" for row in describe(play.state, rules))
    told = explain(play.state, rules, "host:ctrl1", play.now)
    assert told is not None and "this monitor's own host" in told.why
    assert sum(count(play.state, rules, play.now).values()) == len(play.state.hosts)


def test_what_was_kept_of_its_own_host_under_another_name_is_let_go_at_the_next_start() -> None:
    """As by a release that did not know it under that name."""
    kept = Play(pacemaker_policy(elected=True)).leadership(True, OWN, {"ctrl1": entry()}).memory
    assert "host:ctrl1" in kept
    rules = pacemaker_policy(elected=True, own="ctrl1.example.org", own_names=frozenset({"ctrl1"}))
    assert Play(rules, kept).state.hosts == {}


def test_where_nobody_can_be_elected_all_report() -> None:
    play = Play(RULES).all_up("node05").nobody_for_long().cut("node05").wait(5)
    assert play.reports == [stopped("node05")]
    assert play.ledgers == []
    assert play.last("reporter").alarm


def test_a_leadership_that_is_lost_during_the_settling_time_sends_nothing() -> None:
    play = Play(RULES).all_up("node05").leadership(True, OWN, {}).cut("node05").wait(1)
    play.leadership(False, "node02").wait(60)
    assert play.reports == []


def test_only_the_leader_asks_for_proof() -> None:
    rules = pacemaker_policy(elected=True, proof=ProofPolicy())
    play = Play(rules).all_up("node05").leadership(False, "node02").cut("node05").wait(60)
    assert play.asked == []
    play.leadership(True, OWN, {}).wait(1)
    assert len(play.asked) == 1


def test_the_next_leader_goes_on_seeking_the_proof_that_is_missing() -> None:
    rules = pacemaker_policy(elected=True, proof=ProofPolicy())
    play = Play(rules).all_up("node05").leadership(False, "node02").cut("node05").wait(60)
    play.leadership(True, OWN, {"node05": entry(delivered=False, status=HostStatus.UNKNOWN)}).wait(1)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    assert len(play.asked) == 1


def test_a_restarted_leader_whose_ledger_cannot_be_read_trusts_its_own_disk() -> None:
    play = Play(RULES).all_up("node05").leadership(True, OWN, {}).cut("node05").wait(5)
    play.start()
    play.leadership(True, OWN, None)
    for link in THREE:
        play.view(link).sees(link, {OWN: Membership.UP, "node05": Membership.DOWN}, whole=True)
    play.wait(600)
    assert play.reports == [stopped("node05")]


def test_what_an_earlier_leader_could_not_deliver_is_the_next_ones() -> None:
    """Its network was cut; when that is back the host may be back too, and a stale report evacuates it."""
    play = Play(RULES, api=False).all_up("node05").leadership(True, OWN, {}).cut("node05").wait(5)
    assert play.withdrawn == []
    play.leadership(False, "node02")
    assert play.withdrawn == ["host:node05"]
    play.wait(60).leadership(True, OWN, None).wait(5)  # nobody else reported it: it is sent again
    assert play.reports == [stopped("node05"), stopped("node05")]
    assert play.sent[0].generated_time == play.sent[1].generated_time
