"""Why a process is reported, or why not: where it stands and what stands between its end and masakari."""

import json

from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.processmonitor.core.explained import GateName, count, explain
from masakarimonitors.processmonitor.core.observation import Presence
from tests.fixtures.process_play import NOVA, Play


def told(play: Play, subject: str = "process:nova-compute") -> Explained:
    found = explain(play.state, play.policy, subject, play.now)
    assert found is not None
    json.dumps(found.as_json())
    if len(play.state.processes) == 1:
        assert count(play.state, play.policy, play.now) == {found.standing: 1}
    return found


def holds(explained: Explained) -> list[str]:
    return [one.name for one in explained.gates if one.passage is Passage.HOLDS]


def test_one_that_runs_is_well_and_is_known_by_its_short_name() -> None:
    play = Play(NOVA)
    play.running()
    found = told(play)
    assert (found.subject, found.standing, holds(found)) == (
        "process:/usr/bin/nova-compute",
        Standing.WELL,
        [],
    )
    assert explain(play.state, play.policy, "process:other", play.now) is None


def test_before_the_first_look_nobody_calls_it_well() -> None:
    assert told(Play(NOVA)).standing is Standing.UNSEEN


def test_a_grace_and_then_the_tries_are_what_it_waits_for() -> None:
    play = Play(NOVA, grace=3.0)
    play.running()
    play.gone()
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.ACTING, [GateName.GRACE.value])
    (grace,) = [one for one in found.gates if one.passage is Passage.HOLDS]
    assert grace.until is not None and found.since is not None
    assert (grace.until - found.since).total_seconds() == 3.0

    play = Play(NOVA)
    play.running()
    play.gone()
    play.ends(1)
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.ACTING, [GateName.TRIES.value])
    assert "1 restarts tried, reported after 4" in found.why and "exited 1" in found.why


def test_its_report_waits_is_told_or_is_refused() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    assert told(play).standing is Standing.WAITING
    play.report_ends(ReportStatus.REFUSED, "409 on maintenance")
    found = told(play)
    assert (found.standing, found.why, holds(found)) == (
        Standing.REFUSED,
        "409 on maintenance",
        [GateName.TAKEN.value],
    )
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    play.report_ends(ReportStatus.DELIVERED, "202")
    assert told(play).standing is Standing.TOLD


def test_after_its_return_masakari_still_keeps_the_host_on_maintenance() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    play.report_ends(ReportStatus.DELIVERED, "202")
    play.stays_gone()
    play.see(Presence.RUNNING)
    play.survives()
    found = told(play)
    assert found.standing is Standing.OFF and "holds this host on maintenance" in found.why


def test_one_that_cannot_be_seen_is_not_judged() -> None:
    play = Play(NOVA)
    play.running()
    play.see(Presence.UNKNOWN)
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.UNSEEN, [GateName.SEEN.value])


def test_what_the_list_may_not_fit_any_more_is_held() -> None:
    play = Play(NOVA)
    play.see(Presence.GONE, mention="4711 nova-compute --config x")
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.HELD, [GateName.CLEAR.value])


def test_a_verdict_names_the_stage_and_what_happened_at_it() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    assert [verdict.rule for verdict in play.told] == ["grace, gone"]


def test_whose_report_a_person_dropped_fails_and_masakari_is_not_told() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.until_reported()
    play.report_ends(ReportStatus.WITHDRAWN, "the report (number 7) was dropped by alice")
    found = told(play)
    assert found.standing is Standing.HELD
    assert (
        found.why.startswith("a person dropped its report, and it is offered no more")
        and "alice" in found.why
    )
