"""A monitor that may ask Pacemaker and nobody else: not named in uidgid.d, without sudo or Corosync's files."""

import pytest

from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-unfenced"), pytest.mark.timeout(400)]


def test_a_user_of_haclient_alone_sees_by_pacemakers_own_word(world: World) -> None:
    """Corosync's library and tool refuse it; Pacemaker's word on quorum has to do, and that is said."""
    observed = world.observe("n1", only_group="haclient")
    observed.wait("n2", "up", within=40)
    log = observed.log.read_text()
    assert "Quorum is taken from Pacemaker's CIB" in log
    world.rig["n2"].power_cut()
    observed.wait("n2", "down", within=40)


def test_an_image_without_corosyncs_library_and_tools_sees_by_pacemakers_own_word(world: World) -> None:
    """As deployed in containers: Pacemaker's own tools are there, under a user that nobody knows."""
    observed = world.observe_without_corosync("n1", only_group="haclient")
    observed.wait("n2", "up", within=40)
    log = observed.log.read_text()
    assert "libcpg.so.4 cannot be loaded" in log and "No such file or directory" in log
    assert "Quorum is taken from Pacemaker's CIB" in log
    world.rig["n2"].power_cut()
    observed.wait("n2", "down", within=40)
