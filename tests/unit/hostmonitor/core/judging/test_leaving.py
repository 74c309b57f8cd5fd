"""May a failure leave for masakari at this moment: now, later or never."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Withdraw, Woken
from masakarimonitors.core.notification import HostEvent, HostStatus, Leave
from masakarimonitors.hostmonitor.core.evidence.inquiry import LIFE_AGE
from masakarimonitors.hostmonitor.core.judging.leaving import may_offer
from masakarimonitors.hostmonitor.core.observation import Leader, Life, Observation, Power, View, Work
from masakarimonitors.hostmonitor.core.state import ProofPolicy, restore
from tests.fixtures.host_play import Play, pacemaker_policy, policy, stopped


def failing(*words: Any, good_for: float = 10.0, seconds: float = 5.0) -> Play:
    """node05 is down on the one link, as this monitor sees `good_for` seconds, and was told, but not delivered."""
    rules = pacemaker_policy(elected=bool(words))
    play = Play(rules, api=False).all_up("node05")
    play.feed(*words) if words else None
    play.wait(1)
    play.view("cluster", good_for=good_for).cut("node05").wait(seconds)
    assert play.reports == [stopped("node05")]
    return play


def may_leave(play: Play, seconds: float, *, still: float = 0.0, **changes: Any) -> Leave:
    """Whether the report may leave so much later, though no decision has noticed yet.

    `still`: seconds for which the computer stood still beside.
    """
    at = Instant(play.seconds + seconds, play.now.wall + datetime.timedelta(seconds=seconds + still))
    return may_offer(play.rules, play.state, replace(play.sent[-1], **changes), at)


def elected(good_for: float) -> Leader:
    return Leader(why="it has the lock", at=Play().now, ledger=None, good_for=good_for)


def test_a_failure_leaves_only_while_its_monitor_reports() -> None:
    play = failing(elected(8.0))
    assert may_leave(play, 1.9) is Leave.NOW
    assert may_leave(play, 2.0) is Leave.LATER, "though no decision has noticed it yet"
    assert may_leave(play, 2.0, event=HostEvent.STARTED) is Leave.NOW, "nothing is evacuated by it"
    play.follows("node02")
    assert may_leave(play, 0.0) is Leave.NEVER, "it was taken back"


@pytest.mark.parametrize("who", [(), (elected(1e6),)], ids=["all report", "elected"])
def test_a_failure_leaves_only_while_it_is_seen(who: tuple[Any, ...]) -> None:
    play = failing(*who)
    assert may_leave(play, 4.9) is Leave.NOW
    assert may_leave(play, 5.0) is Leave.LATER, "the process may have stood still for hours"


def test_a_link_that_decides_nothing_keeps_no_failure_from_leaving() -> None:
    play = Play(policy(), api=False).all_up("node05").wait(1)
    play.view("manage", good_for=5.0).cut("node05").wait(4)
    assert play.reports == [stopped("node05")]
    assert may_leave(play, 3600.0) is Leave.NOW


def test_a_proof_that_is_too_old_lets_nothing_leave() -> None:
    """The process stood still while a thread waited for a token, and the host may have been switched on since."""
    rules = pacemaker_policy(proof=ProofPolicy())
    play = Play(rules, api=False).all_up("node05").cut("node05").answer(Power.OFF)
    assert play.reports == [stopped("node05")]
    assert may_leave(play, 239.0) is Leave.NOW
    assert may_leave(play, 240.0) is Leave.LATER
    assert may_leave(play, 1.0, still=238.0) is Leave.NOW
    assert may_leave(play, 1.0, still=239.0) is Leave.LATER
    assert may_leave(play, 1.0, still=-1e6) is Leave.NOW, "a clock that was set back loses no failure"


def test_nothing_leaves_of_a_host_on_which_somebody_works() -> None:
    """The decision that takes it back may only be due."""
    play = failing()
    host = replace(play.state.hosts["node05"], work=Work.MAINTENANCE)
    state = replace(play.state, hosts={**play.state.hosts, "node05": host})
    assert may_offer(play.rules, state, play.sent[-1], play.now) is Leave.LATER


def test_what_says_that_nothing_is_proven_needs_no_proof() -> None:
    play = Play(pacemaker_policy(proof=ProofPolicy()), api=False).all_up("node05").cut("node05").wait(900.0)
    assert play.reports == [stopped("node05", "UNKNOWN")]
    assert may_leave(play, 3600.0) is Leave.NOW


def test_where_nobody_checks_that_it_is_off_silence_of_long_ago_lets_nothing_leave() -> None:
    rules = pacemaker_policy(check_life=True)
    play = Play(rules, api=False).all_up("node05").cut("node05").wait(5)
    assert play.reports == [stopped("node05")]
    assert may_leave(play, LIFE_AGE - 6.0) is Leave.NOW
    assert may_leave(play, LIFE_AGE) is Leave.LATER
    assert may_leave(play, 1.0, still=LIFE_AGE) is Leave.LATER


def test_one_that_is_known_to_live_is_recovered_whatever_answers() -> None:
    """Its storage is gone, and the matrix asks for recovery."""
    rules = policy(check_life=True, proof=ProofPolicy())
    play = Play(rules, api=False, life=Life.ALIVE).all_up("node05").cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05")]
    assert may_leave(play, 3600.0) is Leave.NOW


def test_only_the_report_that_the_monitor_stands_by_leaves_and_another_never_will() -> None:
    play = failing()
    earlier = play.sent[-1].generated_time - datetime.timedelta(seconds=1)
    assert may_leave(play, 0.0, generated_time=earlier) is Leave.NEVER
    assert may_leave(play, 0.0, host_status=HostStatus.UNKNOWN) is Leave.NEVER
    assert may_leave(play, 0.0, hostname="node06") is Leave.NEVER
    play.delivered("node05")
    assert may_leave(play, 0.0) is Leave.NEVER


def test_nothing_of_a_host_that_is_not_known_will_ever_leave() -> None:
    play = failing()
    told, rules = play.sent[-1], play.rules
    assert may_offer(rules, restore(rules, {}), told, play.now) is Leave.NEVER


@pytest.mark.parametrize("who", ["sight", "authority"])
def test_a_computer_that_stood_still_neither_sees_nor_reports_by_what_was_certain_before(who: str) -> None:
    """Of one that lives there is no proof that could be too old: it may be well, or put back, for hours."""
    rules = policy(check_life=True, elected=True, proof=ProofPolicy())
    play = Play(rules, api=False, life=Life.ALIVE).leads(good_for=15.0 if who == "authority" else 1e6)
    play.all_up("node05").cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05")]
    for link in rules.matrix.sequence if who == "sight" else ():
        play.view(link, good_for=15.0)
    assert may_leave(play, 5.0) is Leave.NOW
    assert may_leave(play, 5.0, still=3.0) is Leave.NOW, "a clock that is set a little costs nothing"
    assert may_leave(play, 5.0, still=3600.0) is Leave.LATER
    assert may_leave(play, 5.0, still=-3600.0) is Leave.NOW


@pytest.mark.parametrize("word", ["sight", "authority", "none"])
def test_the_first_word_after_a_standstill_takes_back_what_waits_even_one_that_renews(word: str) -> None:
    rules = policy(check_life=True, elected=True, proof=ProofPolicy())
    play = Play(rules, api=False, life=Life.ALIVE).leads(good_for=15.0)
    for link in rules.matrix.sequence:
        play.all_up("node05", links=(link,)).view(link, good_for=15.0)
    play.cut("node05", "storage").wait(5)
    assert play.reports == [stopped("node05")]
    later = Instant(play.seconds + 1.0, play.now.wall + datetime.timedelta(hours=6))
    leader = Leader(why="session lock", at=later, ledger=None, good_for=15.0)
    words: dict[str, Observation | Woken] = {
        "sight": View(link="storage", proven=True, why="a read succeeded", at=later, good_for=15.0),
        "authority": leader,
        "none": Woken("hosts"),
    }
    state, decision = play.decide(play.state, words[word], later)
    assert any(isinstance(command, Withdraw) for command in decision.commands)
    assert may_offer(rules, state, play.sent[-1], later) is Leave.NEVER


def test_what_was_on_its_way_while_the_computer_stood_still_renews_neither_sight_nor_authority() -> None:
    play = Play(policy(elected=True)).all_up("node05").leads(good_for=15.0)
    later = Instant(play.seconds + 1.0, play.now.wall + datetime.timedelta(hours=6))
    sight = View(link="storage", proven=True, why="a read succeeded", at=play.now, good_for=15.0)
    leader = Leader(why="session lock", at=play.now, ledger=None, good_for=15.0)
    state, _ = play.decide(play.state, sight, later)
    assert not state.cluster.counts("storage", later.monotonic)
    state, _ = play.decide(state, leader, later)
    assert not state.cluster.reporter.reports
    state, _ = play.decide(state, replace(leader, at=later), later)
    assert state.cluster.reporter.reports
    state, _ = play.decide(state, replace(sight, at=later), later)
    assert state.cluster.counts("storage", later.monotonic)
