"""Why an instance is reported, or why not: where it stands and what stands between its end and masakari."""

import datetime
import json

import pytest

from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.instancemonitor.core.explained import GateName, count, explain
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import LibvirtAway, ReportSettled
from masakarimonitors.instancemonitor.core.state import Instance, State
from masakarimonitors.instancemonitor.core.told import Fate
from masakarimonitors.libvirt.domain_state import ShutoffReason
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

SUBJECT = f"vm:{INSTANCE.uuid}"


def told(play: Play) -> Explained:
    found = explain(play.state, SUBJECT, play.now)
    assert found is not None
    json.dumps(found.as_json())
    assert count(play.state, play.now)[found.standing] >= 1
    assert sum(count(play.state, play.now).values()) == len(
        {one.identity.uuid for one in play.state.instances.values()}
    )
    return found


def holds(explained: Explained) -> list[str]:
    return [one.name for one in explained.gates if one.passage is Passage.HOLDS]


def test_every_phase_has_words() -> None:
    from masakarimonitors.instancemonitor.core.explained import _PHASES

    assert _PHASES.keys() == set(Phase)


def test_one_that_runs_is_well_and_one_that_was_never_seen_is_not_known() -> None:
    play = Play()
    play.census(running())
    assert (told(play).standing, holds(told(play))) == (Standing.WELL, [])
    assert explain(play.state, "vm:other", play.now) is None


def test_one_that_has_died_is_told() -> None:
    play = Play()
    play.census(running())
    play.census(off(ShutoffReason.CRASHED))
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.TOLD, [])
    assert found.since is not None


def test_while_its_libvirt_is_away_nobody_can_say() -> None:
    play = Play()
    play.census(running())
    play.see(LibvirtAway(URI, "connection reset"))
    found = told(play)
    assert (found.standing, holds(found)) == (Standing.UNSEEN, [GateName.HEARD.value])
    assert "connection reset" in found.why


def test_one_whose_report_masakari_did_not_take_is_held() -> None:
    play = Play()
    play.census(running())
    play.census(off(ShutoffReason.CRASHED))
    play.settled(ReportStatus.REFUSED, play.now.wall)
    found = told(play)
    assert found.standing is Standing.HELD and "has not taken" in found.why


DROPPED = "the report (number 7) was dropped by uid 0 (alice): scrapped"


@pytest.mark.parametrize("restarted", [False, True])
def test_of_one_whose_report_a_person_dropped_masakari_is_not_told(restarted: bool) -> None:
    play = Play()
    play.census(running())
    play.census(off(ShutoffReason.CRASHED))
    play.see(ReportSettled(INSTANCE.uuid, play.now.wall, ReportStatus.WITHDRAWN, DROPPED))
    if restarted:
        play.restart()
        play.census(off(ShutoffReason.CRASHED))
    found = told(play)
    assert found.standing is Standing.HELD
    assert found.why.endswith(f"is not offered again: {DROPPED}")


@pytest.mark.parametrize("restarted", [False, True])
def test_one_whose_host_was_reported_instead_is_told_with_its_host(restarted: bool) -> None:
    play = Play()
    play.census(running())
    play.census(off(ShutoffReason.CRASHED))
    at = play.now.wall
    play.settled(ReportStatus.REFUSED, at)
    play.at_masakari(on_maintenance=True, failed_at=at + datetime.timedelta(seconds=30))
    if restarted:
        play.restart()
        play.census(off(ShutoffReason.CRASHED))
    found = told(play)
    assert found.standing is Standing.TOLD
    assert "did not take its own report" in found.why and "the whole host failed" in found.why


def test_what_an_earlier_release_wrote_of_a_report_that_was_taken_back_is_no_report() -> None:
    dead = Instance(key="k", identity=INSTANCE, phase=Phase.FAILED, fate=Fate.DROPPED)
    found = explain(State(instances={dead.place: dead}), SUBJECT, Play().now)
    assert found is not None and (found.standing, found.why[-14:]) == (Standing.HELD, " offered again")
