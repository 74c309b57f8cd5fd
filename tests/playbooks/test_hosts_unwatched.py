"""What nobody watches is an alarm: a link that does not list a host, a reporter that does nothing, no election."""

import datetime

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.status import describe
from tests.fixtures.host_play import OWN, THREE, Play, policy, stopped

U, D = Membership.UP, Membership.DOWN
ELECTED = policy(elected=True)


def test_a_host_that_the_deciding_link_does_not_list_is_an_alarm_after_a_minute() -> None:
    play = Play().all_up("node05", links=("manage", "tenant"))
    play.view("storage").sees("storage", {OWN: U}, whole=True).wait(59)
    assert not any(told.alarm for told in play.told)
    play.wait(2)
    last = play.last("host:node05")
    assert last.alarm and last.why.startswith("storage does not list it, and decides about it")
    count = len(play.told)
    play.wait(86400)
    assert len(play.told) == count
    play.heal("node05", "storage").wait(5)
    assert play.said("host:node05")[-1] == "recovered"


def test_a_host_that_leaves_the_deciding_links_list_without_a_word_is_an_alarm() -> None:
    play = Play().all_up("node05").sees("storage", {OWN: U}, whole=True).wait(61)
    assert play.last("host:node05").alarm


def test_a_link_that_decides_nothing_may_leave_a_host_out() -> None:
    play = Play().all_up("node05", links=("tenant", "storage"))
    play.view("manage").sees("manage", {OWN: U}, whole=True).wait(3600)
    assert not any(told.alarm for told in play.told)


def test_a_link_that_is_not_seen_itself_is_told_as_that() -> None:
    play = Play().all_up("node05", links=("manage", "tenant")).wait(3600)
    assert not any(told.alarm for told in play.told if told.subject == "host:node05")


def test_a_link_that_decides_together_with_another_counts_when_that_is_down() -> None:
    both = matrix.Matrix(("manage", "ipmi"), frozenset({(False, False)}))
    play = Play(policy(matrix=both)).all_up("node05").sees("ipmi", {OWN: U}, whole=True).wait(61)
    assert not play.last("link:ipmi").alarm
    assert not any(told.alarm for told in play.told)
    play.cut("node05", "manage").wait(61)
    assert play.last("host:node05").alarm


def test_registered_hosts_that_no_link_lists_are_an_alarm_in_the_log_too() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False, "node99": False})
    assert play.said("hosts unseen") == []
    play.wait(60).registry({"node05": False, "node99": False})
    assert play.last("hosts unseen").alarm and "node99" in play.last("hosts unseen").why
    play.wait(60).registry({"node05": False, "node99": False})
    assert play.said("hosts unseen") == ["blind"]
    play.heal("node99").wait(60).registry({"node05": False, "node99": False})
    assert play.said("hosts unseen") == ["blind", "recovered"]


def test_a_reporter_that_does_nothing_is_an_alarm_after_a_minute() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).wait(600).cut("node05").wait(61)
    assert not play.last("host:node05").alarm
    play.wait(1.5)
    assert play.last("host:node05").alarm
    assert "masakari is not known to have it after a minute: look at node02" in play.last("host:node05").why


def test_a_reporter_that_has_not_delivered_is_an_alarm_too() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).cut("node05").wait(3)
    entry = LedgerEntry(HostStatus.NORMAL, play.now.wall, delivered=False)
    play.follows("node02", {"node05": entry}).wait(61)
    assert play.last("host:node05").alarm
    play.follows(
        "node02", {"node05": LedgerEntry(HostStatus.NORMAL, entry.reported_at, delivered=True)}
    ).wait(1)
    assert not play.last("host:node05").alarm and "from another monitor" in play.last("host:node05").why


def test_a_reporter_that_has_delivered_in_time_is_none() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).cut("node05").wait(3)
    play.follows("node02", {"node05": LedgerEntry(HostStatus.NORMAL, play.now.wall, delivered=True)}).wait(
        3600
    )
    assert not any(told.alarm for told in play.told)


def test_what_the_reporter_wrote_down_before_this_monitor_saw_it_is_remembered() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).wait(60)
    play.follows("node02", {"node05": LedgerEntry(HostStatus.NORMAL, play.now.wall, delivered=True)})
    assert play.told[-1].subject == "reporter", "nothing is said of a host that is well here"
    play.wait(1).cut("node05").wait(3600)
    assert not any(told.alarm for told in play.told)
    assert "from another monitor" in play.last("host:node05").why


def test_a_reporter_that_says_that_it_cannot_deliver_is_an_alarm_at_once() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}, delivers=True).wait(60)
    assert not play.last("reporter").alarm
    play.follows("node02", {}, delivers=False)
    assert play.last("reporter").alarm and play.said("reporter") == ["held", "held"]
    play.cut("node05").wait(3)
    assert (
        play.last("host:node05").alarm
        and "its own way to masakari does not work" in play.last("host:node05").why
    )
    play.follows("node02", {}, delivers=True).wait(1)
    assert not play.last("reporter").alarm and not play.last("host:node05").alarm


def test_never_any_word_of_an_election_is_an_alarm_after_a_minute() -> None:
    play = Play(ELECTED).all_up("node05").wait(59)
    assert play.said("reporter") == []
    play.wait(2)
    assert play.last("reporter").alarm and play.said("reporter") == ["blind"]
    play.wait(86400)
    assert play.said("reporter") == ["blind"]


def test_nobody_who_reports_is_an_alarm_at_once() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).no_election()
    assert play.last("reporter").alarm


# -- the ledger -----------------------------------------------------------------------------------------


def entry(play: Play, ago: float, delivered: bool = True) -> LedgerEntry:
    at = play.now.wall - datetime.timedelta(seconds=ago)
    return LedgerEntry(HostStatus.NORMAL, at, delivered)


def test_an_entry_from_before_the_host_was_seen_up_is_void() -> None:
    """Its end was never written: holder's session ended in that moment. Weeks later both die together."""
    play = Play(ELECTED).all_up("node05").follows("node02").wait(86400).cut("node05").wait(60)
    play.leads({"node05": entry(play, ago=172800)}).wait(5)
    assert play.reports == [stopped("node05")]
    assert play.sent[0].generated_time > play.now.wall - datetime.timedelta(seconds=10)


def test_an_entry_of_about_the_same_moment_is_of_this_outage() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02").wait(600).cut("node05").wait(60)
    play.leads({"node05": entry(play, ago=70)}).wait(600)
    assert play.reports == []


def following() -> Play:
    return Play(ELECTED).all_up("node05").wait(30).follows("node02", {})


def test_a_reporter_whose_clock_is_behind_has_told_this_outage_all_the_same() -> None:
    """An entry that comes while its writer is followed was written then, whatever time it names."""
    play = following().cut("node05").wait(5)
    theirs = {"node05": entry(play, ago=3600)}
    play.follows("node02", theirs).wait(200)
    assert not play.last("host:node05").alarm
    play.leads(theirs).wait(600)
    assert play.reports == []


def test_a_reporter_that_is_the_first_to_see_it_may_have_another_clock() -> None:
    play = following()
    theirs = {"node05": entry(play, ago=3600)}
    play.follows("node02", theirs).cut("node05").wait(200)
    assert not play.last("host:node05").alarm
    play.leads(theirs).wait(600)
    assert play.reports == []


def test_what_a_reporter_whose_clock_is_ahead_has_told_is_of_the_outage_of_then() -> None:
    """It dies before it can write that the host is back, and then the host fails again."""
    play = following().cut("node05").wait(5)
    theirs = {"node05": entry(play, ago=-3600)}
    play.follows("node02", theirs).wait(120).heal("node05").wait(15).cut("node05").wait(5)
    play.leads(theirs).wait(60)
    assert play.reports == [stopped("node05")]


def test_of_what_was_written_while_nobody_was_followed_its_own_time_decides() -> None:
    play = Play(ELECTED).all_up("node05").wait(30).follows("node02").wait(600)
    old = {"node05": entry(play, ago=500)}
    play.cut("node05").wait(5).follows("node02", old).wait(5)
    play.leads(old).wait(60)
    assert play.reports == [stopped("node05")]


def test_a_ledger_of_a_restored_snapshot_has_told_nothing_of_this_outage() -> None:
    """The store shows what stood there days ago, when the host had failed, too; each comes first once."""
    for down_first in (True, False):
        play = following()
        past = {"node05": entry(play, ago=2 * 86400)}
        if down_first:
            play.cut("node05").wait(2).follows("node02", past).wait(3)
        else:
            play.follows("node02", past).wait(3).cut("node05").wait(5)
        play.leads(past).wait(60)
        assert play.reports == [stopped("node05")]


def test_an_entry_that_was_closed_and_stands_there_again_is_of_the_outage_of_then() -> None:
    play = following().cut("node05").wait(5)
    theirs = {"node05": entry(play, ago=0)}
    play.follows("node02", theirs).wait(120).heal("node05").wait(15).follows("node02", {}).wait(600)
    play.cut("node05").wait(3).follows("node02", theirs).wait(2)
    play.leads(theirs).wait(60)
    assert play.reports == [stopped("node05")]


def test_the_whole_ledger_is_written_at_each_gain_also_when_it_is_the_same() -> None:
    play = Play(ELECTED).all_up("node05").leads({})
    assert play.ledgers == [{}]
    play.follows("node02", {}).leads({})
    assert play.ledgers == [{}, {}]
    play.leads({})
    assert play.ledgers == [{}, {}], "a renewal is no gain"


def test_a_missing_ledger_is_unknown_not_empty() -> None:
    play = Play(ELECTED).all_up("node05").follows("node02", {}).cut("node05").wait(3)
    known = entry(play, ago=0)
    play.follows("node02", {"node05": known}).wait(60).leads(None).wait(600)
    assert play.reports == [] and play.ledgers[-1] == {"node05": known}
    play.leads({"node05": known}).wait(60)
    assert play.reports == []


def test_a_ledger_that_is_read_only_later_is_adopted_and_disowns_nothing() -> None:
    play = Play(ELECTED).all_up("node05", "node06").leads(None).cut("node05").wait(5)
    other = entry(play, ago=1)
    play.cut("node06").leads({"node06": other}).wait(60)
    assert play.reports == [stopped("node05")]
    assert set(play.ledgers[-1]) == {"node05", "node06"}


def test_a_name_in_the_ledger_that_no_report_can_have_raises_nothing() -> None:
    ledger = {"node 05": LedgerEntry(HostStatus.NORMAL, Play().now.wall, delivered=False)}
    play = (
        Play(ELECTED)
        .all_up("node 05", "node06")
        .leads(ledger)
        .wait(5)
        .follows("node02", ledger)
        .leads(ledger)
    )
    assert play.reports == []
    own = policy(elected=True, own="node 01")
    play = Play(own).leads({"node 01": ledger["node 05"]})
    for link in THREE:
        play.view(link).sees(link, {"node06": U}, whole=True)
    assert play.reports == []


def test_a_restart_sends_what_is_undelivered_and_ours() -> None:
    play = Play(ELECTED, api=False).all_up("node05").leads({}).cut("node05").wait(5)
    play.start()
    play.leads({})
    for link in THREE:
        play.view(link).sees(link, {OWN: U, "node05": D}, whole=True)
    play.wait(5)
    assert play.reports == [stopped("node05"), stopped("node05")]
    assert play.notified[0].notification == play.notified[1].notification and play.notified[1].again


@pytest.mark.parametrize("name", ["node99", "NODE99"])
def test_a_registered_host_of_which_only_planned_work_is_known_is_listed_nowhere(name: str) -> None:
    play = Play(policy(lookup=True)).all_up("node05").work("node99", Work.STANDBY).wait(61)
    play.registry({"node05": False, name: False})
    assert play.last("hosts unseen").alarm and name in play.last("hosts unseen").why
    assert absent(play) == name
    play.work("node99", Work.NONE).wait(61).registry({"node05": False, name: False})
    assert play.said("hosts unseen") == ["blind"] and absent(play) == name
    play.heal("node99").wait(61).registry({"node05": False, name: False})
    assert play.said("hosts unseen") == ["blind", "recovered"] and absent(play) == ""


def test_one_that_left_while_its_link_proved_nothing_and_is_not_listed_since_is_listed_nowhere() -> None:
    play = Play(policy(lookup=True)).all_up("node05").wait(5)
    for link in THREE:
        play.view(link, proven=False).sees(link, {OWN: U, "node05": U, "node99": Membership.LEFT}, whole=True)
        play.view(link).sees(link, {OWN: U, "node05": U}, whole=True)
    play.wait(61).registry({"node05": False, "node99": False})
    assert play.last("hosts unseen").alarm and absent(play) == "node99"


def absent(play: Play) -> str:
    """Who the status says is listed nowhere."""
    return next((row.state for row in describe(play.state, play.rules) if row.subject == "hosts unseen"), "")


def test_a_host_that_has_left_a_deciding_link_and_is_up_elsewhere_is_an_alarm_after_a_minute() -> None:
    play = Play().all_up("node05", "node06", "node07").wait(5)
    play.cut("node05", "storage", to=Membership.LEFT).wait(59)
    assert not any(told.alarm for told in play.told)
    play.wait(2)
    last = play.last("host:node05")
    assert last.alarm and last.why.startswith("storage does not list it (it has left storage), and decides")
    play.heal("node05", "storage").wait(5)
    assert play.said("host:node05")[-1] == "recovered"


def test_one_that_leaves_everywhere_or_that_somebody_works_on_is_none() -> None:
    play = Play().all_up("node05", "node06", "node07").wait(5)
    play.cut("node05", "storage", to=Membership.LEFT).wait(30)
    play.cut("node05", "manage", "tenant", to=Membership.LEFT).work("node06", Work.MAINTENANCE)
    play.cut("node06", "storage", to=Membership.LEFT).wait(600)
    assert not any(told.alarm for told in play.told)


def test_leaving_a_link_that_decides_nothing_is_none() -> None:
    play = Play().all_up("node05", "node06", "node07").wait(5)
    play.cut("node05", "manage", to=Membership.LEFT).wait(600)
    assert not any(told.alarm for told in play.told)


@pytest.mark.parametrize("gap", [False, True])
def test_reporters_that_follow_one_another_and_do_nothing_are_an_alarm_after_a_minute(gap: bool) -> None:
    play = Play(policy(elected=True)).follows("node02").all_up("node03").cut("node03")
    for number in range(12):
        if gap:
            play.no_election()
        play.wait(5.0).follows(("node02", "node04")[number % 2])
    assert not any(told.alarm for told in play.told if told.subject == "host:node03" and not gap)
    play.wait(2.1)
    assert "is to report it" in play.last("host:node03").why and play.last("host:node03").alarm


def test_who_has_reported_itself_until_now_gives_the_next_one_a_minute() -> None:
    play = Play(policy(elected=True), api=False).leads({}).all_up("node03").cut("node03").wait(100)
    play.follows("node02", ledger={}).wait(59)
    assert not play.last("host:node03").alarm
    play.wait(2)
    assert "is to report it" in play.last("host:node03").why and play.last("host:node03").alarm


def test_what_depended_on_a_link_that_is_not_known_is_over_when_nothing_depends_on_it() -> None:
    """Though that link is still out of sight: nobody is told for ever of a failure that is over."""
    play = Play().all_up("node05").view("storage", proven=False).cut("node05", "tenant").wait(60)
    assert "depends on storage" in play.last("host:node05").why
    play.heal("node05", "tenant").wait(60)
    last = play.last("host:node05")
    assert last.ruling.value == "recovered" and not last.alarm
    assert play.state.hosts["node05"].told is None


@pytest.mark.parametrize("other", [False, True])
def test_a_link_that_lists_a_host_again_is_no_alarm_though_another_is_out_of_sight(other: bool) -> None:
    play = Play().all_up("node05").sees("storage", {OWN: U}, whole=True).wait(61)
    play.view("manage", proven=False).wait(60)
    assert play.last("host:node05").alarm
    if other:
        play.view("storage", proven=False).wait(60)
        assert play.last("host:node05").alarm, "nobody has seen that it is over"
        play.all_up("node05", links=("storage",))
    else:
        play.heal("node05", "storage")
    play.wait(60)
    assert not play.last("host:node05").alarm and play.state.hosts["node05"].told is None


def test_what_depends_on_a_link_is_not_over_because_the_link_on_which_it_was_down_is_out_of_sight_too() -> (
    None
):
    play = Play().all_up("node05").view("storage", proven=False).cut("node05", "tenant").wait(60)
    play.view("tenant", proven=False).wait(60).view("manage", proven=False).wait(60)
    assert play.last("host:node05").alarm and "recovered" not in play.said("host:node05")
    play.all_up("node05", links=("tenant",)).wait(60)
    assert play.last("host:node05").ruling.value == "recovered"
