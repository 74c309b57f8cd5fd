"""Each phase of an instance has its word on a death of the last life; tests/playbooks plays them."""

import pytest

from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.unconfirmed import Say, Unconfirmed
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt
from masakarimonitors.instancemonitor.core.state import Instance, State
from masakarimonitors.instancemonitor.core.stories import Stories
from masakarimonitors.instancemonitor.core.unconfirmed import judge, well
from tests.fixtures.instance_play import INSTANCE, URI, Play, running


@pytest.mark.parametrize("phase", Phase)
def test_only_the_dead_are_confirmed(phase: Phase) -> None:
    play = Play()
    one = Instance(identity=INSTANCE, key="k", phase=phase)
    play.state = State(instances={one.place: one}, libvirts={URI: Libvirt(Connection.SETTLED)})
    play.adopts_report_of()
    assert bool(play.confirmed) is (phase in (Phase.PANICKED, Phase.FAILED))
    assert bool(play.unconfirmed) is (phase in (Phase.UNSURE, Phase.REMOVED, Phase.VANISHED))


def test_what_is_about_no_instance_is_forgotten() -> None:
    play = Play()
    told = ProcessNotification("c", play.now.wall, HostEvent.STOPPED, "x")
    word = judge((URI,), play.state, Unconfirmed("process:x", told), play.now)
    assert (word.say, word.forgotten) == (Say.WITHDRAW, True)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("read", [True, False])
def test_only_an_instance_that_is_seen_up_needs_nobody(phase: Phase, read: bool) -> None:
    """One that is off in order may have been stopped for a recovery that went no further."""
    one = Instance(identity=INSTANCE, key="k", phase=phase)
    state = State(
        instances={one.place: one}, libvirts={URI: Libvirt(Connection.SETTLED if read else Connection.BEHIND)}
    )
    assert bool(well(state, f"vm:{INSTANCE.uuid}")) is (phase is Phase.UP and read)
    assert not well(state, "vm:another")


def test_an_instance_whose_disk_fails_is_up_and_not_well() -> None:
    one = Instance(identity=INSTANCE, key="k", phase=Phase.UP, stories=Stories(failing_since=1.0))
    state = State(instances={one.place: one}, libvirts={URI: Libvirt(Connection.SETTLED)})
    assert not well(state, f"vm:{INSTANCE.uuid}")


def test_an_instance_that_is_not_listed_any_more_is_not_well_before_it_is_known_why() -> None:
    play = Play()
    play.census(running(persistent=True))
    assert well(play.state, f"vm:{INSTANCE.uuid}")
    play.census()
    assert not well(play.state, f"vm:{INSTANCE.uuid}")
    play.census(running(persistent=True))
    assert well(play.state, f"vm:{INSTANCE.uuid}")
