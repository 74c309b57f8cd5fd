"""Why an instance is reported, or why not: where it stands and what stands between its end and masakari."""

import json

from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.instancemonitor.core.explained import GateName, explain
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import LibvirtAway
from masakarimonitors.libvirt.domain_state import ShutoffReason
from tests.fixtures.instance_play import INSTANCE, URI, Play, off, running

SUBJECT = f"vm:{INSTANCE.uuid}"


def told(play: Play) -> Explained:
    found = explain(play.state, SUBJECT, play.now)
    assert found is not None
    json.dumps(found.as_json())
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
