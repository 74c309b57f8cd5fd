"""Why a host is reported, or why not: each gate asked once more, and where the host stands."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.hostmonitor.core.explained import NAMED, GateName, count, explain
from masakarimonitors.hostmonitor.core.judging.pursue import GATES
from masakarimonitors.hostmonitor.core.observation import Life, Membership, Power, Work
from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO, Reason
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, Play, policy
from tests.fixtures.playbook import EPOCH

HOST = "node05"


def told(play: Play, host: str = HOST) -> Explained:
    found = explain(play.state, play.rules, f"host:{host}", play.now)
    assert found is not None
    json.dumps(found.as_json())
    counted = count(play.state, play.rules, play.now)
    if host != OWN:
        assert counted[found.standing] >= 1
    # And each one as it is explained.
    known = play.state.hosts.keys() | set((play.state.cluster.segments.hosts or {}).values()) - {OWN}
    others = [explain(play.state, play.rules, f"host:{name}", play.now) for name in known]
    assert +Counter(counted) == Counter(one.standing for one in others if one is not None)
    return found


def passages(explained: Explained) -> dict[str, Passage]:
    return {one.name: one.passage for one in explained.gates}


def test_the_gates_are_those_of_a_report_in_their_order() -> None:
    assert list(NAMED.values()) == list(GATES)
    names = [one.name for one in told(Play().all_up(HOST)).gates]
    assert names == ["link:manage", "link:tenant", "link:storage", *(name.value for name in GateName)]


def test_one_that_is_well_says_since_when_and_nothing_has_come_to_its_gates() -> None:
    found = told(Play().all_up(HOST))
    assert (found.standing, found.why) == (Standing.WELL, "it is up on manage, tenant and storage")
    assert set(passages(found).values()) == {Passage.PASSED, Passage.NOT_ASKED}


def test_a_host_is_known_in_any_case_and_one_that_nobody_has_named_is_not() -> None:
    play = Play().all_up(HOST)
    assert told(play, "NODE05").subject == "host:node05"
    assert explain(play.state, play.rules, "host:other", play.now) is None
    assert explain(play.state, play.rules, "vm:node05", play.now) is None


def test_its_own_host_is_not_judged_and_one_that_is_only_registered_is_watched_by_nobody() -> None:
    play = Play(policy(lookup=True)).all_up(HOST).registry({HOST: False, "node09": False, OWN: False})
    assert told(play, OWN).standing is Standing.UNWATCHED
    assert told(play, "node09").standing is Standing.UNSEEN


def test_on_maintenance_high_availability_is_off_since_that_was_read() -> None:
    play = Play(policy(lookup=True)).all_up(HOST).wait(60.0)
    found = told(play.registry({HOST: True, OWN: True}))
    assert (found.standing, found.why, found.by_maintenance) == (
        Standing.OFF,
        "masakari has it on maintenance",
        True,
    )
    assert found.since == play.now.wall
    assert told(play, OWN).standing is Standing.OFF, "the monitor's own host, too"
    # What was read long ago may be over: masakari is asked seldom by those who do not report.
    play.wait(3600.0)
    assert "as it said at" in told(play).why


def test_one_that_is_back_is_off_until_a_person_has_put_it_back_and_says_how() -> None:
    play = Play().all_up(HOST).cut(HOST).wait(5.0).heal(HOST).wait(60.0)
    found = told(play)
    assert found.standing is Standing.OFF and f"service set --enable {HOST} nova-compute" in found.why
    assert found.since is not None and (play.now.wall - found.since).total_seconds() == 60.0


def test_a_failure_settles_and_says_until_when() -> None:
    found = told(Play().all_up(HOST).cut(HOST))
    assert found.standing is Standing.SUSPECTED
    (settling,) = [one for one in found.gates if one.passage is Passage.HOLDS]
    assert (settling.name, settling.reason) == (GateName.SETTLED.value, "settling")
    assert settling.until is not None and settling.since is not None
    assert (settling.until - settling.since).total_seconds() == 2.0


def _work(play: Play) -> Play:
    return play.work(HOST, Work.STANDBY).cut(HOST)


def _maintenance(play: Play) -> Play:
    return play.registry({HOST: True}).cut(HOST)


def _storm(play: Play) -> Play:
    return play.cut(HOST).cut("node06").cut("node07")


def _nobody(play: Play) -> Play:
    return play.no_election().cut(HOST)


def _elsewhere(play: Play) -> Play:
    return play.follows("node02").cut(HOST)


def _proof(play: Play) -> Play:
    return play.cut(HOST).answer(Power.ON)


HOLDS: list[tuple[Callable[[Play], Play], dict[str, object], GateName, Reason]] = [
    (_work, {}, GateName.WORK, Reason.WORK),
    (_maintenance, {"lookup": True}, GateName.WORK, Reason.MAINTENANCE),
    (_storm, {}, GateName.STORM, Reason.STORM),
    (_nobody, {"elected": True}, GateName.REPORTER, Reason.NOBODY),
    (_elsewhere, {"elected": True}, GateName.REPORTER, Reason.ELSEWHERE),
    (_proof, {"proof": ProofPolicy()}, GateName.PROVEN, Reason.PROOF),
]


@pytest.mark.parametrize(("play", "rules", "gate", "reason"), HOLDS, ids=lambda one: getattr(one, "name", ""))
def test_each_hold_is_named_with_its_reason_and_what_releases_it(
    play: Callable[[Play], Play], rules: dict[str, object], gate: GateName, reason: Reason
) -> None:
    stage = play(Play(policy(**rules)).all_up(HOST, "node06", "node07")).wait(3.0)
    found = told(stage)
    assert found.standing is Standing.HELD
    (shut,) = [one for one in found.gates if one.passage is Passage.HOLDS]
    assert (shut.name, shut.reason) == (gate.value, reason.value)
    assert shut.release and ":doc:" not in shut.release and "`" not in shut.release
    assert found.why == shut.why
    # Nothing of what a gate would ask is done, or remembered.
    before = stage.state
    told(stage)
    assert stage.state is before


def test_what_answers_holds_it_by_the_words_of_who_answered() -> None:
    play = (
        Play(policy(check_life=True, unproven_settle=2.0), life=Life.ALIVE).all_up(HOST).cut(HOST).wait(3.0)
    )
    found = told(play)
    (shut,) = [one for one in found.gates if one.passage is Passage.HOLDS]
    assert (shut.name, shut.reason) == (GateName.LIFELESS.value, Reason.ALIVE.value)
    assert "10.0.0.5:22" in found.why
    assert shut.until is not None


def test_a_link_that_is_out_of_sight_holds_what_cannot_be_judged_without_it() -> None:
    play = Play().all_up(HOST).cut(HOST).view("storage", proven=False)
    found = told(play)
    assert found.standing is Standing.HELD and "storage is not known now" in found.why
    (shut,) = [one for one in found.gates if one.passage is Passage.HOLDS]
    assert (shut.name, shut.reason) == ("link:storage", "blind")
    assert passages(found)[GateName.MATRIX.value] is Passage.WOULD_HOLD


def test_a_report_is_waiting_then_told_or_refused_with_masakaris_words() -> None:
    play = Play(api=False).all_up(HOST).cut(HOST).wait(3.0)
    assert told(play).standing is Standing.WAITING
    found = told(play.delivered(HOST))
    assert found.standing is Standing.TOLD and found.why.startswith("masakari has its report of ")
    shadow = explain(play.state, replace(play.rules, tells=False), f"host:{HOST}", play.now)
    assert shadow is not None and shadow.why.startswith("masakari would have its report of ")
    from masakarimonitors.hostmonitor.core.observation import Outcome

    play = Play(api=False).all_up(HOST).cut(HOST).wait(3.0).answers(Outcome.REFUSED, why="409 maintenance")
    found = told(play)
    assert (found.standing, found.why) == (Standing.REFUSED, "409 maintenance")
    assert found.since is not None and found.since > EPOCH


@pytest.mark.parametrize(
    ("value", "links", "standing"),
    [
        (Membership.DOWN, ("tenant",), Standing.SUSPECTED),
        (Membership.LEFT, (), Standing.OFF),
        (Membership.UNKNOWN, ("tenant",), Standing.UNSEEN),
    ],
)
def test_one_that_is_not_plainly_up_is_not_called_well(
    value: Membership, links: tuple[str, ...], standing: Standing
) -> None:
    assert told(Play().all_up(HOST).cut(HOST, *links, to=value)).standing is standing


def test_every_reason_by_which_a_gate_holds_has_something_to_do() -> None:
    assert {reason for *_, reason in HOLDS} <= TO_DO.keys()
