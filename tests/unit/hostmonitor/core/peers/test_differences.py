"""Who is as the others are, who differs, and who is not heard: never called well by what was said long ago."""

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.peers.announcement import Announcement, Part, Says
from masakarimonitors.hostmonitor.core.peers.differences import (
    SETTLED,
    Fleet,
    Heard,
    Known,
    PeerState,
    compare,
    hear,
)

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
NOW = 10_000.0
BOUND = 1500.0
RULES = {Part.MATRIX: "aaaa", Part.STORMS: "bbbb"}
OWN = Announcement(
    node="node01", version="2", started=AT, told=AT, rules=RULES, reporter="node01", reports=True
)
HOSTS = {f"node{number:02}": True for number in range(2, 7)}


def said(node: str, **changes: Any) -> Announcement:
    return replace(OWN, **{"node": node, "reports": False, **changes})


def fleet(
    *changed: Announcement, age: float = 10.0, hosts: dict[str, bool] | None = None, **more: Any
) -> Fleet:
    hosts = HOSTS if hosts is None else hosts
    heard = {one.node: Heard(one, NOW - age) for one in (*map(said, hosts), *changed)}
    known = Known(**{"hosts": hosts, "required": list(hosts), "reporter": "node01", "since": 100.0, **more})
    return compare(heard, OWN, known, NOW, BOUND)


def states(one: Fleet) -> dict[str, PeerState]:
    return {peer.host: peer.state for peer in one.peers}


def test_all_alike_need_no_row() -> None:
    told = fleet()
    assert told.counts[PeerState.AS_OTHERS] == 6 and not told.peers and not told.alarms
    assert set(told.counts) == set(PeerState) and told.version == "2"


def test_other_rules_are_an_alarm_that_names_part_and_hosts() -> None:
    told = fleet(said("node03", rules={**RULES, Part.MATRIX: "cccc"}))
    assert states(told) == {"node03": PeerState.DIFFERS}
    assert told.alarms == [("rules differ", "some judge hosts by other rules than most; matrix: node03")]
    assert "other rules than most: matrix" in told.peers[0].words


def test_it_may_be_this_monitor_that_differs() -> None:
    others = [said(node, rules={**RULES, Part.STORMS: "dddd"}) for node in HOSTS]
    told = fleet(*others)
    assert states(told) == {"node01": PeerState.DIFFERS} and "storms: node01" in told.alarms[0][1]


def test_where_as_many_say_another_thing_this_monitors_own_counts() -> None:
    told = fleet(said("node02", rules={**RULES, Part.MATRIX: "0000"}), hosts={"node02": True})
    assert states(told) == {"node02": PeerState.DIFFERS}


def test_many_that_differ_are_counted() -> None:
    hosts = {f"node{number:02}": True for number in range(2, 30)}
    told = fleet(*(said(f"node{n:02}", rules={Part.MATRIX: "0"}) for n in range(2, 10)), hosts=hosts)
    assert "matrix: node02, node03, node04, node05, node06 and 3 more" in told.alarms[0][1]
    assert len(told.peers) == 8


def test_rules_that_are_not_told_are_compared_with_nothing() -> None:
    assert not fleet(said("node03", rules={})).peers


def test_another_version_is_shown_and_no_alarm() -> None:
    told = fleet(said("node03", version="1"))
    assert told.peers[0].words == ["version 1, most have 2"] and not told.alarms


def test_two_that_report_are_an_alarm() -> None:
    told = fleet(said("node03", reports=True, reporter="node03"))
    assert told.alarms == [("two report", "each of node01, node03 says that it is the reporter")]
    assert states(told)["node03"] is PeerState.DIFFERS


@pytest.mark.parametrize("since", [NOW - 10.0 - SETTLED, NOW - 5.0, float("inf")])
def test_one_that_has_just_ceased_to_report_accuses_nobody(since: float) -> None:
    told = fleet(said("node03", reports=True, reporter="node03"), said("node04", reporter="x"), since=since)
    assert not told.alarms and not told.peers


def test_nobody_is_held_against_a_reporter_that_is_not_known() -> None:
    told = fleet(said("node03", reports=True, reporter="node03"), reporter="")
    assert not told.alarms and not told.peers


def test_who_takes_another_for_the_reporter_is_shown() -> None:
    told = fleet(said("node03", reporter="node05"))
    assert told.peers[0].words == ["takes node05 for the reporter"] and not told.alarms
    assert not fleet(said("node03", reporter="NODE01"), said("node04", reporter="")).peers


def test_one_that_sees_nothing_stands_first() -> None:
    told = fleet(
        said("node05", health=Says.BLIND, blind=("link:a", "link:b"), more=3),
        said("node03", version="1"),
        said("node04", health=Says.DEGRADED, pending=2, oldest=AT),
    )
    assert [(peer.host, peer.state) for peer in told.peers] == [
        ("node05", PeerState.BLIND),
        ("node03", PeerState.DIFFERS),
        ("node04", PeerState.DEGRADED),
    ]
    assert told.peers[0].words == ["does not see link:a, link:b and 3 more"]
    assert told.peers[2].words == [
        "says that it is degraded",
        "2 reports waiting, the oldest since 2026-01-01 00:00:00 UTC",
    ]
    assert not told.alarms


def test_a_word_that_is_too_old_is_never_well_and_accuses_nobody() -> None:
    hosts = {"node02": True}
    old = fleet(said("node02", rules={Part.MATRIX: "0"}, reports=True), age=BOUND + 60, hosts=hosts)
    assert states(old) == {"node02": PeerState.SILENT} and not old.alarms
    assert old.peers[0].words == ("not heard for 26 min; it said then that it was ok",)
    assert old.counts[PeerState.AS_OTHERS] == 1


def test_a_host_for_which_no_monitor_speaks_is_named() -> None:
    known = Known(hosts={"node02": True, "node03": False}, required=["node02", "node03"])
    told = compare({}, OWN, known, NOW, BOUND)
    assert [(one.host, one.state, one.words) for one in told.peers] == [
        ("node02", PeerState.UNHEARD, ("no monitor speaks for it",)),
        ("node03", PeerState.UNHEARD, ("no monitor speaks for it", "the host is not up")),
    ]


def test_a_node_that_needs_no_monitor_is_not_missed() -> None:
    known = Known(hosts={"server1": True, "node02": True}, required=["NODE02"])
    told = compare({"node02": Heard(said("node02"), NOW)}, OWN, known, NOW, BOUND)
    assert not told.peers and told.counts[PeerState.AS_OTHERS] == 2


def test_who_speaks_for_hosts_that_nobody_knows_changes_nothing() -> None:
    strangers = [said(f"x{number}", rules={Part.MATRIX: "0"}, version="9") for number in range(50)]
    told = fleet(*strangers)
    assert told.strangers == 50 and not told.peers and not told.alarms and told.version == "2"


def test_it_is_told_as_json() -> None:
    told = fleet(said("node03", rules={Part.MATRIX: "0"}), hosts={**HOSTS, "node09": True}).as_json()
    read = json.loads(json.dumps(told))
    assert read["counts"]["as others"] == 6
    (row,) = read["hosts"]
    assert row["host"] == "node03" and row["version"] == "2" and row["told"] == AT.isoformat()


# -- how old a word is --------------------------------------------------------------------------------


def at(seconds: float) -> Instant:
    return Instant(seconds, AT + datetime.timedelta(seconds=seconds))


def test_at_the_first_reading_the_writers_time_tells_the_age() -> None:
    told = hear({}, {"a": said("a", told=at(4000.0).wall)}, at(5000.0), None)
    assert told["a"].at == 4000.0


def test_a_clock_that_is_ahead_makes_nothing_younger_than_now() -> None:
    told = hear({}, {"a": said("a", told=at(9000.0).wall)}, at(5000.0), None)
    assert told["a"].at == 5000.0
    again = hear(told, {"a": said("a", told=at(9000.0).wall)}, at(5060.0), 5000.0)
    assert again["a"].at == 5000.0


def test_what_has_changed_under_our_eyes_is_young_whatever_its_clock() -> None:
    told = hear({}, {"a": said("a", told=at(100.0).wall)}, at(5000.0), None)
    assert told["a"].at == 100.0
    again = hear(told, {"a": said("a", told=at(160.0).wall)}, at(5060.0), 5000.0)
    assert again["a"].at == 5000.0


def test_words_that_are_older_than_those_before_them_are_as_old_as_they_say() -> None:
    """As a store shows that was restored from a snapshot: nobody has said them since."""
    first = hear({}, {"n": said("n", told=AT)}, at(0.0), None)
    before = said("n", told=AT - datetime.timedelta(seconds=3000), version="1")
    assert hear(first, {"n": before}, at(60.0), at(0.0).monotonic)["n"].at == at(0.0).monotonic - 3000.0


def test_of_one_name_in_two_cases_the_younger_words_count() -> None:
    for old, new in (("node02", "Node02"), ("Node02", "node02")):
        ages = {old: 9000.0, new: 10.0}
        heard = {name: Heard(said(name), NOW - ages[name]) for name in sorted(ages)}
        told = compare(heard, OWN, Known(hosts={new: True}, reporter="node01"), NOW, BOUND)
        assert states(told) == {} and told.counts[PeerState.AS_OTHERS] == 2


def test_what_stands_there_no_more_is_forgotten() -> None:
    told = hear({}, {"a": said("a")}, at(10.0), None)
    assert hear(told, {}, at(70.0), 10.0) == {}


def test_no_more_is_kept_than_a_cloud_has() -> None:
    assert len(hear({}, {f"n{number}": said("n") for number in range(9000)}, at(0.0), None)) == 5000
