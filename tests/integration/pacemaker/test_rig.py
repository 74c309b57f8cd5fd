"""The rig itself: what the faults of the other tests do to a real cluster, with no monitor at all."""

import pytest

from tests.fixtures.waiting import until
from tests.integration.pacemaker.rig import Rig

pytestmark = pytest.mark.xdist_group("pacemaker-members")


def test_a_power_cut_is_fenced_and_healed(rig: Rig) -> None:
    rig["n2"].power_cut()
    until(lambda: [f.host for f in rig.strip.fenced] == ["n2"], "n2 fenced")
    rig.heal()
    assert rig["n1"].online() == set(rig.hosts)


def test_everything_dies_with_its_process_1(rig: Rig) -> None:
    rig["r1"].power_cut()
    assert not rig["r1"].powered
