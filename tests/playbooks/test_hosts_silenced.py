"""A silence holds what would be told of a host until it is over; what fails then is told on what is found out then."""

import datetime
import math
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.explained import Passage, Standing
from masakarimonitors.core.notification import HostEvent, HostNotification, Leave
from masakarimonitors.core.silences.book import MEMORY, SilencesSeen
from masakarimonitors.core.silences.silence import Silence
from masakarimonitors.hostmonitor.core.explained import GateName, count, explain
from masakarimonitors.hostmonitor.core.judging.leaving import may_offer
from masakarimonitors.hostmonitor.core.observation import Life, Power, ProofKind
from masakarimonitors.hostmonitor.core.outages.outage import Fate
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy, restore
from masakarimonitors.hostmonitor.status import describe
from masakarimonitors.status.health import Kind
from tests.fixtures.host_play import Play, pacemaker_policy, shipped_policy, started, stopped

HOUR = 3600.0


def silence(
    play: Play, target: str = "host:node05", seconds: float = HOUR, key: str = "s1", ended: bool = False
) -> Silence:
    made = play.now.wall
    return Silence(
        key=key,
        target=target,
        made=made,
        until=made + datetime.timedelta(seconds=seconds),
        author="alice",
        reason="new firmware",
        ended=made if ended else None,
        ended_by="bob" if ended else "",
    )


def silenced(play: Play, target: str = "host:node05", seconds: float = HOUR, key: str = "s1") -> Play:
    return play.feed(SilencesSeen([silence(play, target, seconds, key)]))


def ended(play: Play, key: str = "s1") -> Play:
    return play.feed(SilencesSeen([silence(play, key=key, ended=True)]))


def offered(play: Play) -> Leave:
    """Whether its last report may leave now."""
    return may_offer(play.rules, play.state, play.sent[-1], play.now)


def test_a_silenced_host_that_is_lost_is_held_with_an_alarm_and_told_when_the_silence_is_over() -> None:
    play = silenced(Play().all_up("node05", "node06")).wait(60).cut("node05").wait(HOUR - 61)
    assert play.reports == []
    told = play.last("host:node05")
    assert (told.ruling, told.alarm) == (Ruling.HELD, True)
    assert "alice has silenced host:node05 until 2026-11-22 09:16:40 UTC: new firmware" in told.why
    play.wait(2)
    assert play.reports == [stopped("node05")]
    over = play.last("silence:s1")
    assert (over.ruling, over.alarm) == (Ruling.ACTED, True) and "these still fail: node05." in over.why


def test_it_is_said_when_it_begins_and_of_one_that_held_nothing_no_alarm_is_made() -> None:
    play = silenced(Play().all_up("node05"))
    begun = play.last("silence:s1")
    assert (begun.ruling, begun.alarm, begun.evidence) == (Ruling.HELD, True, "alice")
    play.wait(HOUR)
    over = play.last("silence:s1")
    assert (over.ruling, over.alarm) == (Ruling.RECOVERED, False) and "nothing that it held fails" in over.why


def test_others_are_told_as_ever() -> None:
    play = silenced(Play().all_up("node05", "node06")).cut("node06").wait(60)
    assert play.reports == [stopped("node06")]


@pytest.mark.parametrize("target", ["all", "host:NODE0?", "host:*", "domain:rack1", "host:node05"])
def test_targets(target: str) -> None:
    rules = pacemaker_policy(domains={"node05": "rack1"})
    play = silenced(Play(rules).all_up("node05"), target).cut("node05").wait(60)
    assert play.reports == []


@pytest.mark.parametrize("target", ["domain:rack2", "host:node0", "host:node05x", "process:node05", "vm:*"])
def test_what_is_not_meant_is_not_held(target: str) -> None:
    rules = pacemaker_policy(domains={"node05": "rack1"})
    play = silenced(Play(rules).all_up("node05"), target).cut("node05").wait(60)
    assert play.reports == [stopped("node05")]


def test_somebody_ends_it_before_its_time() -> None:
    play = ended(silenced(Play().all_up("node05")).cut("node05").wait(60))
    assert play.reports == [stopped("node05")]
    told = play.last("silence:s1")
    assert "was ended by bob, and of those that it held these still fail: node05." in told.why
    play.feed(SilencesSeen([silence(play)]))
    assert play.said("silence:s1") == ["held", "acted"], "an older copy revives nothing"


def test_two_silences_hold_until_the_last_of_them_is_over() -> None:
    play = silenced(silenced(Play().all_up("node05")), "all", 2 * HOUR, "s2").cut("node05").wait(2 * HOUR - 1)
    assert play.reports == []
    play.wait(1)
    assert play.reports == [stopped("node05")]


def test_a_host_that_is_back_before_the_end_was_none() -> None:
    play = silenced(Play().all_up("node05")).cut("node05").wait(600).heal("node05").wait(HOUR)
    assert play.reports == [] and not play.last("silence:s1").alarm


def test_what_waits_for_masakari_when_it_begins_is_taken_back_and_sent_again_when_it_is_over() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5)
    assert play.reports == [stopped("node05")] and offered(play) is Leave.NOW
    silenced(play)
    assert play.withdrawn == ["host:node05"] and play.state.hosts["node05"].fate is Fate.TAKEN_BACK
    play.wait(HOUR)
    assert play.reports == [stopped("node05")] * 2 and play.sent[0] == play.sent[1]
    assert play.notified[-1].again, "whatever had become of the first, it is one report"


def test_nothing_leaves_though_the_decision_that_takes_it_back_is_only_due() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5)
    pending = play.state
    book = silenced(play).state.cluster.silences
    play.state = replace(pending, cluster=replace(pending.cluster, silences=book))
    assert offered(play) is Leave.LATER
    play.seconds += HOUR
    assert offered(play) is Leave.NOW


PROOF = pacemaker_policy(proof=ProofPolicy(retries=0))


def test_a_report_without_proof_is_held_too() -> None:
    play = silenced(Play(PROOF, api=False).all_up("node05")).cut("node05").wait(HOUR - 1)
    assert play.reports == [] and play.asked == [], "nothing is asked about it meanwhile"
    play.wait(2).answer(Power.NO_PROOF).wait(5)
    assert play.reports == [stopped("node05", "UNKNOWN")]


def test_one_without_proof_that_waits_is_taken_back_too() -> None:
    play = Play(PROOF, api=False).all_up("node05").cut("node05").wait(3).answer(Power.NO_PROOF).wait(30)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    silenced(play)
    assert play.withdrawn == ["host:node05"] and play.state.hosts["node05"].fate is Fate.TAKEN_BACK
    play.wait(HOUR)
    assert play.reports == [stopped("node05", "UNKNOWN")] * 2


def test_what_is_told_in_the_end_rests_on_proof_of_then() -> None:
    play = (
        silenced(Play(PROOF).all_up("node05")).cut("node05").power("node05", Power.OFF, kind=ProofKind.FENCED)
    )
    play.wait(HOUR)
    assert play.reports == [] and len(play.asked) == 1, "the proof of an hour ago counts for nothing"
    play.answer(Power.ON, ProofKind.BMC).wait(600)
    assert stopped("node05") not in play.reports


def test_signs_of_life_are_looked_for_when_it_is_over() -> None:
    rules = pacemaker_policy(check_life=True)
    play = silenced(Play(rules, life=None).all_up("node05")).cut("node05").wait(HOUR)
    assert play.reports == [] and len(play.asked_life) == 1
    play.breathes(Life.ALIVE).wait(60)
    assert play.reports == []


def test_a_return_is_told() -> None:
    """It takes no host from anybody; and whoever has silenced the host may have done so to bring it back."""
    play = silenced(Play().all_up("node05").cut("node05").wait(5)).wait(5).heal("node05").wait(60)
    assert play.reports == [stopped("node05"), started("node05")]


def test_it_survives_a_restart_and_so_does_its_end() -> None:
    play = silenced(Play().all_up("node05")).cut("node05").wait(60)
    play.start()
    play.all_up("node05").cut("node05").wait(600)
    assert play.reports == []
    play.wait(HOUR)
    assert play.reports == [stopped("node05")] and play.last("silence:s1").alarm


def test_a_monitor_that_was_away_until_after_its_end_holds_nothing_because_of_it() -> None:
    play = silenced(Play().all_up("node05")).wait(60)
    play.seconds += 2 * HOUR
    play.start()
    play.all_up("node05").cut("node05").wait(5)
    assert play.reports == [stopped("node05")]


def test_one_that_was_ended_is_not_revived_by_a_restart() -> None:
    play = ended(silenced(Play().all_up("node05")).wait(60))
    play.start()
    play.feed(SilencesSeen([silence(play)])).all_up("node05").cut("node05").wait(5)
    assert play.reports == [stopped("node05")]


def test_the_copy_on_disk_goes_when_nobody_could_take_it_for_new() -> None:
    play = silenced(Play().all_up("node05"))
    assert MEMORY + "s1" in play.memory
    play.wait(3 * HOUR).cut("node05")
    assert MEMORY + "s1" not in play.memory


def test_a_host_monitor_that_follows_gives_the_reporter_its_minute_after_the_end() -> None:
    rules = shipped_policy(check_life=False)
    play = silenced(Play(rules).follows("node02").all_up("node05")).cut("node05").wait(HOUR - 1)
    assert play.last("host:node05").why.startswith("held: alice has silenced")
    play.wait(2)
    assert not play.last("host:node05").alarm, "it is the reporter's matter, and that has not had its time"
    play.wait(61)
    assert play.last("host:node05").alarm


@pytest.mark.parametrize("by_hand", [True, False])
def test_the_ends_of_others_silences_do_not_put_that_alarm_off(by_hand: bool) -> None:
    """Or whoever works through a cloud, host after host, would keep it from being raised for hours."""
    rules = shipped_policy(check_life=False)
    play = Play(rules).follows("node02").all_up("node05", "node06").cut("node05")
    for number in range(20):
        silenced(play, "host:node06", 5, f"s{number}").wait(4)
        if by_hand:
            ended(play, f"s{number}")
        play.wait(2)
    assert play.last("host:node05").alarm


def rows(play: Play) -> dict[str, str]:
    return {row.subject: row.detail for row in describe(play.state, play.rules)}


def test_it_is_shown_with_its_author_its_end_and_whom_it_is_of() -> None:
    play = silenced(Play().all_up("node05", "node06"), "host:node0*").cut("node05").wait(5)
    (row,) = [row for row in describe(play.state, play.rules) if row.subject == "silence:s1"]
    assert row.alarm and row.harms is Kind.SILENCED
    assert row.detail == (
        "reports about host:node0* (2 hosts) are held until 2026-11-22 09:16:40 UTC, as alice wants: new firmware"
    )
    (host,) = [row for row in describe(play.state, play.rules) if row.subject == "host:node05"]
    assert host.held == Reason.SILENCED.value == "silenced"
    play.wait(HOUR)
    assert "silence:s1" not in rows(play)


def test_one_of_nobody_says_so() -> None:
    assert "no host that is known here" in rows(silenced(Play().all_up("node05"), "host:nod05"))["silence:s1"]


def test_explain_tells_of_its_gate() -> None:
    play = silenced(Play().all_up("node05")).cut("node05").wait(60)
    told = explain(play.state, play.rules, "host:node05", play.now)
    assert told is not None and told.standing is Standing.HELD
    gates = {gate.name: gate for gate in told.gates}
    gate = gates[GateName.SILENCE.value]
    assert (gate.passage, gate.reason) == (Passage.HOLDS, "silenced")
    assert "silence end ID" in gate.release and gate.since == play.now.wall - datetime.timedelta(seconds=60)
    assert gate.until == play.now.wall + datetime.timedelta(seconds=HOUR - 60)
    itself = explain(play.state, play.rules, "silence:s1", play.now)
    assert itself is not None and itself.standing is Standing.OFF
    assert explain(play.state, play.rules, "silence:s2", play.now) is None


def test_explain_says_of_a_host_that_is_well_that_its_failure_would_not_be_told() -> None:
    play = silenced(Play().all_up("node05", "node06"))
    told = explain(play.state, play.rules, "host:node05", play.now)
    assert told is not None and told.standing is Standing.OFF
    assert told.why.startswith("alice has silenced host:node05 until") and "would be held" in told.why
    assert count(play.state, play.rules, play.now) == {Standing.OFF: 1, Standing.WELL: 1, Standing.UNSEEN: 0}


def test_a_report_of_another_kind_is_not_asked_about() -> None:
    play = silenced(Play().all_up("node05").cut("node05").wait(5).heal("node05").wait(5))
    back = next(
        one for one in play.sent if isinstance(one, HostNotification) and one.event is HostEvent.STARTED
    )
    assert may_offer(play.rules, play.state, back, play.now) is Leave.NOW


def test_a_clock_that_is_set_back_does_not_make_it_last() -> None:
    play = silenced(Play().all_up("node05"))
    kept = play.state.cluster.silences.kept["s1"]
    assert kept.end.monotonic == play.seconds + HOUR and math.isfinite(kept.due(play.now))


def test_one_is_never_longer_than_the_options_allow() -> None:
    rules = pacemaker_policy(longest_silence=600.0)
    play = silenced(Play(rules).all_up("node05"), seconds=30 * HOUR).cut("node05").wait(599)
    assert play.reports == []
    play.wait(2)
    assert play.reports == [stopped("node05")]


def test_what_is_on_disk_and_makes_no_sense_silences_nobody() -> None:
    rules: Policy = pacemaker_policy()
    for value in ({}, {"id": "s1"}, {"id": "s1", "target": "all", "made": "x", "until": "y"}):
        assert restore(rules, {MEMORY + "s1": value}).cluster.silences.kept == {}


def test_it_is_told_and_forgotten_though_no_other_is_known() -> None:
    play = Play(memory={MEMORY + "s1": {"id": "s1"}}).all_up("node05")
    told = [verdict for verdict in play.told if verdict.alarm]
    assert len(told) == 1 and MEMORY + "s1" not in play.memory


def test_one_whose_end_is_too_far_away_holds_as_soon_as_it_is_not_though_no_other_is_known() -> None:
    play = Play().all_up("node05")
    later = play.now.wall + datetime.timedelta(days=40)
    far = replace(silence(play), made=later, until=later + datetime.timedelta(seconds=HOUR))
    play.feed(SilencesSeen([far])).wait(60)
    assert play.state.cluster.silences.holding == []
    play.wait(9 * 24 * HOUR).cut("node05").wait(60)
    assert play.reports == [] and [kept.silence.key for kept in play.state.cluster.silences.holding] == ["s1"]
