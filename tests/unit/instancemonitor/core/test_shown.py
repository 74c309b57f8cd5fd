"""What the status shows: what is away first, then instances by name, and which of them ask for a human."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Phase
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt
from masakarimonitors.instancemonitor.core.sight.halt import Halt
from masakarimonitors.instancemonitor.core.sight.legible import Legible
from masakarimonitors.instancemonitor.core.state import Instance, State
from tests.fixtures.instance_play import INSTANCE, OTHER, URI


def having(*instances: Instance, **changes: object) -> State:
    return State(instances={one.place: one for one in instances}, **changes)  # type: ignore[arg-type]


UP = Instance(identity=INSTANCE, key="one", phase=Phase.UP)


def test_what_is_away_stands_first_then_instances_by_name() -> None:
    other = replace(UP, identity=OTHER, key="other")
    rows = list(describe(having(other, UP, libvirts={URI: Libvirt(Connection.AWAY_BEHIND, "no answer")})))
    assert rows[0] == (f"libvirt:{URI}", "away", "no answer", True)
    assert [row[2] for row in rows[1:]] == [INSTANCE.name, OTHER.name]


@pytest.mark.parametrize("phase", Phase)
def test_one_that_is_dead_or_of_which_it_is_not_known_asks_for_a_human(phase: Phase) -> None:
    ((_, shown, _, alarm),) = describe(having(replace(UP, phase=phase)))
    assert (shown, alarm) == (phase.value, phase in (*DEAD, Phase.UNSURE))


@pytest.mark.parametrize("phase", Phase)
def test_nothing_is_called_well_of_which_libvirt_does_not_tell(phase: Phase) -> None:
    ((_, shown, detail, alarm),) = describe(having(replace(UP, phase=phase, legible=Legible.NOT)))
    assert (shown, alarm) == ("unknown", True)
    assert detail.endswith(f"does not tell how it stands; last seen {phase.value}")


def test_one_that_stands_still_is_shown_so_with_the_reason() -> None:
    ((_, shown, detail, alarm),) = describe(having(replace(UP, halt=Halt.DISK)))
    assert (shown, detail, alarm) == ("stands still", f"{INSTANCE.name}: one of its disks has failed", True)
