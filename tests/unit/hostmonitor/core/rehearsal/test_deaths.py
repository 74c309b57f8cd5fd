"""These hosts die: what is said of it is what the monitor does when it happens."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.core.notification import HostEvent, HostNotification
from masakarimonitors.core.rehearsal.stage import Stage
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.observation import Life, LifeSeen, Membership, Power, ProofKind, Work
from masakarimonitors.hostmonitor.core.rehearsal import deaths
from masakarimonitors.hostmonitor.core.rehearsal.deaths import Fate, NoPlay, Outcome, Question, play
from masakarimonitors.hostmonitor.core.rehearsal.supposed import Supposed
from masakarimonitors.hostmonitor.core.state import ProofPolicy, State
from tests.fixtures.host_play import OWN, Play, pacemaker_policy, policy, shipped_policy

HOSTS = tuple(f"node{number:02}" for number in range(2, 12))


def stage(**changes: Any) -> Play:
    """The monitor as shipped, which leads, and sees ten hosts well."""
    seen = Play(shipped_policy(**changes))
    return seen.all_up(*HOSTS).leads({}).wait(60.0)


def ask(seen: Play, *dying: str, supposed: Supposed | None = None, **changes: Any) -> Outcome:
    return play(
        seen.rules,
        Question(hosts=dying, **changes),
        supposed or Supposed(),
        now=seen.now,
        live=seen.state,
    )


def fates(outcome: Outcome) -> dict[str, tuple[Fate, float | None]]:
    assert outcome.defects == []
    return {one.host: (one.fate, one.reported) for one in outcome.hosts}


def test_one_that_dies_is_reported_once_it_has_settled() -> None:
    outcome = ask(stage(), "node05")
    assert fates(outcome) == {"node05": (Fate.REPORTED, 30.0)}
    (held,) = outcome.hosts[0].held
    assert (held.gate, held.since, held.until) == ("settled", 0.0, 30.0)
    assert "nobody has checked that it is off" in outcome.hosts[0].why
    assert (outcome.reporter, outcome.known) == (f"the monitor of {OWN}", 11)
    assert outcome.storms == []


def test_the_state_that_was_asked_is_as_before() -> None:
    seen = stage()
    before = seen.state
    ask(seen, "node05")
    assert seen.state is before and seen.reports == []


def test_many_that_die_are_a_storm_that_time_alone_does_not_release() -> None:
    outcome = ask(stage(), *HOSTS[:7])
    assert {one.fate for one in outcome.hosts} == {Fate.HELD}
    assert [(one.scope, one.since, one.until, one.hosts) for one in outcome.storms] == [
        ("all hosts", 0.0, None, 7)
    ]
    gates = [(one.gate, one.reason, one.until) for one in outcome.hosts[0].held]
    assert gates == [
        ("settled", "settling", 30.0),
        ("no storm", "storm", 300.0),
        ("no storm", "storm, not proven off", None),
    ]


def test_with_proof_each_of_a_storm_is_reported_when_it_has_stood_its_time() -> None:
    known = Supposed(bmcs=frozenset(HOSTS[:6]))
    outcome = ask(stage(proof=ProofPolicy()), *HOSTS[:7], supposed=known)
    assert fates(outcome) == {
        **dict.fromkeys(HOSTS[:6], (Fate.REPORTED, 301.0)),
        HOSTS[6]: (Fate.UNPROVEN, 334.0),
    }
    assert [one.proof for one in outcome.hosts[5:]] == ["by its BMC", "none: no BMC is named for it"]
    dark = ask(stage(proof=ProofPolicy()), "node05", supposed=Supposed(bmcs=known.bmcs, bmcs_answer=False))
    assert fates(dark)["node05"][0] is Fate.UNPROVEN
    assert dark.hosts[0].proof == "none: its BMC does not answer"


def test_fencing_proves_it_and_what_nobody_checks_counts_as_off() -> None:
    fenced = ask(stage(proof=ProofPolicy()), "node05", supposed=Supposed(fenced=12.0))
    assert fates(fenced)["node05"] == (Fate.REPORTED, 12.0)
    unchecked = ask(stage(proof=ProofPolicy()), "node05", supposed=Supposed(unchecked=True))
    assert fates(unchecked)["node05"] == (Fate.REPORTED, 30.0)


def test_a_host_that_loses_a_link_alone_lives_on() -> None:
    alive = Supposed(alive=True)
    lost = ask(stage(), "node05", links=("storage",), supposed=alive)
    assert fates(lost) == {"node05": (Fate.REPORTED, 2.0)}
    nothing = ask(stage(), "node05", links=("tenant",), supposed=alive)
    assert fates(nothing) == {"node05": (Fate.NOTHING, None)}
    assert "no recovery" in nothing.hosts[0].why


def test_what_holds_now_holds_then() -> None:
    seen = stage().work("node05", Work.MAINTENANCE)
    outcome = ask(seen, "node05", "node06")
    assert fates(outcome) == {"node05": (Fate.HELD, None), "node06": (Fate.REPORTED, 30.0)}
    held = outcome.hosts[0].held[-1]
    assert (held.gate, held.until) == ("no planned work", None) and held.release
    flagged = stage(lookup=True).registry(dict.fromkeys(HOSTS, False) | {"node05": True})
    outcome = ask(flagged, "node05", "node06", within=2000.0)
    assert fates(outcome) == {"node05": (Fate.HELD, None), "node06": (Fate.REPORTED, 30.0)}
    assert outcome.hosts[0].held[-1].reason == "on maintenance in masakari"
    blind = stage().view("storage", proven=False)
    assert fates(ask(blind, "node05"))["node05"][0] is not Fate.REPORTED


def test_one_that_masakari_has_and_puts_on_maintenance_is_reported_once() -> None:
    seen = stage(lookup=True).registry(dict.fromkeys(HOSTS, False))
    outcome = ask(seen, "node05", within=7200.0)
    assert fates(outcome) == {"node05": (Fate.REPORTED, 30.0)}


def test_one_after_another() -> None:
    outcome = ask(stage(), "node05", "node06", gap=10.0)
    assert [(one.lost, one.reported) for one in outcome.hosts] == [(0.0, 30.0), (10.0, 40.0)]


def test_another_reports_whether_the_reporter_lives_or_dies_with_them() -> None:
    follower = stage().follows("node03", {})
    lives = ask(follower, "node05")
    assert fates(lives)["node05"] == (Fate.REPORTED, 30.0)
    assert lives.reporter == "the monitor of node03"
    dies = ask(follower, "node03", "node05", takeover=50.0)
    # Whoever takes over asks masakari first, and tries the hosts.
    assert fates(dies) == dict.fromkeys(("node03", "node05"), (Fate.REPORTED, 54.0))
    assert "dies" in dies.reporter
    held = [(one.gate, one.until) for one in dies.hosts[1].held][:2]
    assert held == [("settled", 30.0), ("this monitor reports", 50.0)]


def test_the_host_that_is_asked_may_die_itself() -> None:
    outcome = ask(stage(), OWN, "node05", takeover=50.0)
    assert fates(outcome) == {OWN: (Fate.REPORTED, 54.0), "node05": (Fate.REPORTED, 54.0)}
    assert any("as if it saw the same" in one for one in outcome.supposed)
    with pytest.raises(NoPlay, match="all that are known die"):
        ask(stage(), OWN, *HOSTS)


def test_where_all_report_or_nobody_does_that_is_what_is_played() -> None:
    all_report = Play(policy(check_life=True, unproven_settle=30.0, stagger=2.0, look_up_reports=True))
    outcome = ask(all_report.all_up(*HOSTS).wait(60.0), "node05")
    assert fates(outcome)["node05"][0] is Fate.REPORTED
    assert outcome.reporter.startswith("every monitor")
    nobody = Play(shipped_policy()).all_up(*HOSTS).wait(30.0)
    outcome = ask(nobody, "node05")
    assert fates(outcome)["node05"] == (Fate.HELD, None)
    assert "not known" in outcome.reporter


def test_what_cannot_be_played_is_said() -> None:
    with pytest.raises(NoPlay, match="no host is known by the name node99"):
        ask(stage(), "node99")
    seen = stage()
    with pytest.raises(
        NoPlay, match="judges hosts by manage, tenant, storage, this configuration by cluster"
    ):
        play(pacemaker_policy(), Question(hosts=("node05",)), Supposed(), now=seen.now, live=seen.state)


def test_a_host_is_found_in_any_case_and_played_once() -> None:
    assert list(fates(ask(stage(), "NODE05", "node05"))) == ["node05"]


def test_from_none_all_is_well_and_this_monitor_reports() -> None:
    seen = stage()
    outcome = play(
        shipped_policy(lookup=True, samples=3),
        Question(hosts=("a", "b")),
        Supposed(),
        now=seen.now,
        live=None,
        well=("a", "b", "c", "d", "e"),
    )
    assert [one.fate for one in outcome.hosts] == [Fate.REPORTED] * 2
    assert outcome.known == 6
    assert any("every one of these hosts in an enabled segment" in one for one in outcome.supposed)


# -- what is said is what happens -------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    dying=st.sets(st.sampled_from(HOSTS), min_size=1, max_size=7),
    before=st.sets(st.sampled_from(HOSTS), max_size=3),
    samples=st.integers(1, 3),
    threshold=st.sampled_from([0.0, 20.0, 50.0]),
    proof=st.booleans(),
    bmcs=st.frozensets(st.sampled_from(HOSTS)),
)
def test_what_is_said_is_what_the_monitor_does_when_it_happens(
    dying: set[str], before: set[str], samples: int, threshold: float, proof: bool, bmcs: frozenset[str]
) -> None:
    rules = shipped_policy(
        samples=samples, guard=GuardPolicy(threshold=threshold), proof=ProofPolicy() if proof else None
    )
    seen = Play(rules, life=None)
    seen.all_up(*HOSTS).leads({}).wait(60.0)
    for host in before - dying:
        seen.cut(host, "tenant")
    seen.wait(20.0)
    said = play(
        rules,
        Question(hosts=tuple(sorted(dying)), within=600.0),
        Supposed(bmcs=bmcs),
        now=seen.now,
        live=seen.state,
    )
    assert not said.defects

    # And now it happens.
    seen.wait(samples * 5.0 + 1.0 if samples > 1 else 1.0)
    begin = seen.seconds
    for host in sorted(dying):
        seen.cut(host)
    told: dict[str, list[tuple[str, float]]] = {host: [] for host in dying}
    counted, powers, lives = len(seen.notified), 0, 0
    for _ in range(6000):
        for command in seen.notified[counted:]:
            host = command.notification.hostname
            told[host].append((command.notification.payload["host_status"], seen.seconds - begin))
        counted = len(seen.notified)
        asked_power, asked_life = seen.asked[powers:], seen.asked_life[lives:]
        powers, lives = len(seen.asked), len(seen.asked_life)
        for request in asked_power:
            known = request.host in bmcs
            seen.power(
                request.host,
                Power.OFF if known else Power.NO_PROOF,
                request,
                ProofKind.BMC if known else None,
            )
        for question in asked_life:
            host = question.host
            seen.feed(LifeSeen(host=host, life=Life.SILENT, evidence="", at=seen.now, in_reply_to=question))
        if seen.seconds - begin >= 600.0:
            break
        seen.wait(1.0)
    for one in said.hosts:
        statuses = [status for status, _ in told[one.host]]
        expected = {Fate.REPORTED: "NORMAL", Fate.UNPROVEN: "UNKNOWN"}.get(one.fate)
        assert (statuses[-1] if statuses else None) == expected, (one, told[one.host])
        if one.reported is not None:
            when = next(at for status, at in told[one.host] if status == expected)
            # Answers take up to three seconds there, and none here.
            assert when - 1.0 <= one.reported <= when + 4.0, (one, told[one.host])


def test_a_partial_loss_before_is_no_death() -> None:
    seen = stage().cut("node05", "tenant", to=Membership.DOWN)
    assert fates(ask(seen, "node06"))["node06"] == (Fate.REPORTED, 30.0)


def test_a_host_that_dies_is_none_that_is_back_by_whichever_name_its_cluster_has_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The monitor of another host is played then, whose own host that is not."""
    stages: list[Stage[State]] = []

    class Kept(Stage[State]):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            stages.append(self)

    monkeypatch.setattr(deaths, "Stage", Kept)
    own = "ctrl1.example.org"
    rules = shipped_policy(own=own, own_names=frozenset({own, "ctrl1"}))
    outcome = ask(Play(rules).all_up(*HOSTS).leads({}).wait(60.0), own)
    assert fates(outcome) == {own: (Fate.REPORTED, 34.0)}
    told = [one.notify.notification for one in stages[0].seen.reports]
    assert [one.event for one in told if isinstance(one, HostNotification)] == [HostEvent.STOPPED]
