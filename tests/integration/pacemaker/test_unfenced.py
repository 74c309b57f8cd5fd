"""A cluster as kolla-ansible deploys it: fencing off, no BMC asked. Living hosts must not be reported."""

from collections.abc import Callable

import pytest

from tests.integration.pacemaker.rig import MEMBERS
from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-unfenced"), pytest.mark.timeout(400)]

KOLLA = {"disable_ipmi_check": "true", "pacemaker_node_type": "cluster"}


def test_a_restart_of_pacemaker_remoted_on_a_living_host_is_planned(world: World) -> None:
    """Its good-bye lives for 50 ms in the CIB; only an alert tells of it, and only to one of the monitors."""
    world.rig["n1"].set_property("stonith-enabled", "false")
    seen = [world.observe(name, restrict_to_remotes="true", **KOLLA) for name in MEMBERS]
    for observed in seen:
        observed.wait("r1", "up")
    world.until("the monitors have formed a group", lambda: all(one.leads_or_follows() for one in seen))
    world.rig["r1"].stop_pacemaker()
    for observed in seen:
        observed.wait("r1", "left")
        assert "down" not in observed.values("r1")


def test_a_member_whose_pacemaker_was_killed_lives_as_long_as_corosync_has_it(world: World) -> None:
    world.rig["n1"].set_property("stonith-enabled", "false")
    observed = world.observe("n1", **KOLLA)
    observed.wait("n3", "up")
    world.rig["n3"].run("pkill", "-KILL", "pacemaker", check=False)
    said = observed.wait("n3", "unknown")
    assert "alive" in said["evidence"]
    assert "down" not in observed.values("n3") and observed.said("PowerSeen") == []


def stop_all(world: World) -> None:
    world.rig["n1"].set_property("stop-all-resources", "true")


def all_standby(world: World) -> None:
    for name in MEMBERS:
        world.rig["n1"].run("crm_attribute", "-N", name, "-n", "standby", "-v", "on")


def rsc_defaults(world: World) -> None:
    world.rig["n1"].run("crm_attribute", "-t", "rsc_defaults", "-n", "target-role", "-v", "Stopped")


def delete(world: World) -> None:
    world.rig["n1"].run("cibadmin", "--delete", "--xpath", "//primitive[@id='r1']")


@pytest.mark.parametrize("stop", [stop_all, all_standby, rsc_defaults, delete])
def test_a_remote_whose_connection_is_not_wanted_any_more_has_left(
    world: World, stop: Callable[[World], None]
) -> None:
    world.rig["n1"].set_property("stonith-enabled", "false")
    observed = world.observe("n1", restrict_to_remotes="true", **KOLLA)
    observed.wait("r1", "up")
    stop(world)
    try:
        said = observed.wait("r1", "left")
    finally:
        world.rig["n1"].run("crm_attribute", "-t", "rsc_defaults", "-n", "target-role", "-D", check=False)
    assert "nobody wants it" in said["evidence"]
    assert "down" not in observed.values("r1")


def test_in_maintenance_a_stop_of_pacemaker_remoted_is_planned_work(world: World) -> None:
    """Upgrades do that on one host after another. Stopped hard, too, it is no failure that is reported."""
    world.rig["n1"].set_property("stonith-enabled", "false")
    world.rig["n1"].set_property("maintenance-mode", "true")
    observed = world.observe("n1", restrict_to_remotes="true", **KOLLA)
    observed.wait("r1", "up")
    # Told right after it, as another line of what the observer writes; of which host first is nobody's to say.
    world.until(
        "its planned work is seen", lambda: "r1" in {fact["host"] for fact in observed.said("WorkSeen")}
    )
    world.rig["r1"].kill("pacemaker-remoted", "KILL")
    world.until("its loss is seen", lambda: observed.values("r1")[-1] != "up")
    assert {fact["work"] for fact in observed.said("WorkSeen")} == {"maintenance"}


def told(world: World, monitor: str, host: str, words: str) -> bool:
    """Whether a verdict with `words` was told about `host`."""
    verdicts = world.monitors[monitor].status().get("verdicts", [])
    return any(v["subject"] == f"host:{host}" and words in f"{v['why']} {v['evidence']}" for v in verdicts)


def test_a_living_host_whose_goodbye_nobody_heard_is_held_by_its_signs_of_life(world: World) -> None:
    """Without the alert agent a restart of pacemaker_remoted looks like a loss; its kernel refuses connections."""
    world.rig.heal()  # takes the agent out of the CIB
    world.rig["n1"].set_property("stonith-enabled", "false")
    world.watch("n1", restrict_to_remotes="true", **KOLLA)
    world.rig["r1"].stop_pacemaker()
    world.until("r1 is held", lambda: told(world, "n1", "r1", "still answers"), within=120)
    assert world.reports() == []


def test_a_loss_in_maintenance_is_held_as_planned_work(world: World) -> None:
    world.rig["n1"].set_property("stonith-enabled", "false")
    world.rig["n1"].set_property("maintenance-mode", "true")
    world.watch("n1", restrict_to_remotes="true", **KOLLA)
    world.rig["r1"].kill("pacemaker-remoted", "KILL")
    world.until("r1 is held", lambda: told(world, "n1", "r1", "lost while it is in maintenance"), within=120)
    assert world.reports() == []
