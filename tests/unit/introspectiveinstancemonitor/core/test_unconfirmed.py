"""How a guest stands decides on a report of the last life; tests/playbooks plays it."""

import pytest

from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.unconfirmed import Say, Unconfirmed
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import UNJUDGED, Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Probe, State
from masakarimonitors.introspectiveinstancemonitor.core.unconfirmed import well
from tests.fixtures.guest_play import RUN, A, Play, report_of


@pytest.mark.parametrize("phase", Phase)
def test_no_phase_confirms_before_another_question(phase: Phase) -> None:
    play = Play()
    guest = Guest(uuid=A, name="i", run=RUN, probes={HEARTBEAT: Probe(phase=phase)})
    play.state = State(guests={A: guest})
    play.adopts(report_of(A, play.now.wall))
    assert play.confirmed == []
    waits = phase in (Phase.REPORTED, *UNJUDGED)
    assert bool(play.unconfirmed) is waits


def test_what_is_about_no_guest_is_forgotten() -> None:
    play = Play()
    told = ProcessNotification("c", play.now.wall, HostEvent.STOPPED, "x")
    word = play.judge_unconfirmed(Unconfirmed("process:x", told))
    assert (word.say, word.forgotten) == (Say.WITHDRAW, True)


def test_a_check_that_masakari_has_does_not_confirm_the_report_of_a_hang_that_waits() -> None:
    play = Play(failures={"web": 2})
    now = play.now.wall
    probes = {
        HEARTBEAT: Probe(phase=Phase.REPORTED, delivery=Delivery.WAITING, made_at=now, missed=True),
        "web": Probe(phase=Phase.REPORTED, delivery=Delivery.DELIVERED, delivered_at=now, missed=True),
    }
    play.state = State(guests={A: Guest(uuid=A, name="i", run=RUN, probes=probes)})
    play.adopts(report_of(A, now))
    assert play.confirmed == [] and play.unconfirmed


@pytest.mark.parametrize("phase", Phase)
def test_only_a_guest_that_answers_needs_nobody(phase: Phase) -> None:
    guest = Guest(uuid=A, name="i", run=RUN, probes={HEARTBEAT: Probe(phase=phase)})
    assert bool(well(State(guests={A: guest}), f"vm:{A}")) is (phase is Phase.HEALTHY)
    assert not well(State(), f"vm:{A}")


@pytest.mark.parametrize(
    ("phase", "needs_nobody"),
    [
        (Phase.DISCOVERY, True),
        (Phase.UNUSABLE, False),
        (Phase.AWAITED, False),
        (Phase.HEALTHY, True),
        (Phase.UNKNOWN, False),
        (Phase.ERROR, False),
        (Phase.ACCUSED, False),
        (Phase.REPORTED, False),
    ],
)
def test_a_guest_whose_agent_answers_while_a_check_of_it_fails_needs_somebody(
    phase: Phase, needs_nobody: bool
) -> None:
    probes = {HEARTBEAT: Probe(phase=Phase.HEALTHY), "web": Probe(phase=phase)}
    guest = Guest(uuid=A, name="i", run=RUN, probes=probes)
    assert bool(well(State(guests={A: guest}), f"vm:{A}")) is needs_nobody
