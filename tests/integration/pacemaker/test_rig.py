"""The rig itself: what the faults of the other tests do to a real cluster, with no monitor at all."""

import pytest

from tests.fixtures.waiting import until
from tests.integration.pacemaker.rig import IDLE, Rig

pytestmark = pytest.mark.xdist_group("pacemaker-members")


def test_a_power_cut_is_fenced_and_healed(rig: Rig) -> None:
    rig["n2"].power_cut()
    until(lambda: [f.host for f in rig.strip.fenced] == ["n2"], "n2 fenced")
    rig.heal()
    assert rig["n1"].online() == set(rig.hosts)


def test_everything_dies_with_its_process_1(rig: Rig) -> None:
    rig["r1"].power_cut()
    assert not rig["r1"].powered


def test_hosts_do_not_see_the_load_of_the_computer(rig: Rig) -> None:
    """Pacemaker would do less at a time, and fence late, while other tests run."""
    assert {host.run("cat", "/proc/loadavg").stdout for host in rig.hosts.values()} == {IDLE}
