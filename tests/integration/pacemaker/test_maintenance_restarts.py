"""Work on remotes in maintenance mode, as upgrades do it: who lives when it ends is not reported, who dies then is.

Pacemaker connects to no remote while it manages none. So to it, whoever restarts meanwhile is lost until the end.
"""

from collections.abc import Callable

import pytest

from tests.fixtures.waiting import until
from tests.integration.pacemaker.rig import MEMBERS, REMOTES, Host
from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-remotes"), pytest.mark.timeout(400)]

# As kolla-ansible deploys it: nothing proves a death. And no patience with those that do not come back at once.
UNPROVEN = {"disable_ipmi_check": "true", "pacemaker_node_type": "cluster", "restrict_to_remotes": "true"}
QUICK = {"unproven_settle_time": "2", "stonith_wait": "5"}


def restart(host: Host) -> None:
    host.stop_pacemaker()
    host.start_pacemaker()


def reboot(host: Host) -> None:
    host.power_cut()
    host.power_on()


@pytest.mark.parametrize("again", [restart, reboot])
def test_remotes_that_restart_in_maintenance_are_no_failure_and_are_watched_again(
    world: World, again: Callable[[Host], None]
) -> None:
    world.rig["n1"].set_property("stonith-enabled", "false")
    world.watch(**UNPROVEN, **QUICK)
    begin_maintenance(world)
    for name in REMOTES:
        again(world.rig[name])
        wait_listening(world, name)
    end_maintenance(world)
    assert world.reports() == []
    world.rig["r1"].power_cut()
    world.wait_reports(("r1", "STOPPED", "NORMAL"))


def test_remotes_that_are_restarted_by_fencing_in_maintenance_are_no_failure(world: World) -> None:
    """The fencing is true, and old: they have booted since, and Pacemaker looks at them only when it is over."""
    world.watch(restrict_to_remotes="true", **QUICK)
    begin_maintenance(world)
    for name in REMOTES:
        world.rig["n1"].run("stonith_admin", "--reboot", name)
        wait_off(world.rig[name])
        for member in MEMBERS:
            world.wait_state(member, name, "failing, not reported yet")
        world.rig[name].power_on()
        wait_listening(world, name)
    end_maintenance(world)
    assert world.rig.strip.orders == list(REMOTES) and world.reports() == []


def begin_maintenance(world: World) -> None:
    """Until every monitor has seen it: nothing announces it to them."""
    world.rig["n1"].set_property("maintenance-mode", "true")
    for member in MEMBERS:
        wait_told(world, member, "it is in maintenance")


def end_maintenance(world: World) -> None:
    """Until every monitor has seen the end, and everybody up."""
    world.rig["n1"].set_property("maintenance-mode", "false")
    for member in MEMBERS:
        wait_told(world, member, "work has ended")
    world.rig.wait_online(*REMOTES)
    world.wait_seeing()


def wait_told(world: World, member: str, words: str) -> None:
    """Until the member's monitor has told this of each remote."""

    def told() -> bool:
        verdicts = world.monitors[member].status().get("verdicts", [])
        of = {verdict["subject"] for verdict in verdicts if words in verdict["why"]}
        return of >= {f"host:{remote}" for remote in REMOTES}

    world.until(f"{member} tells of the remotes: {words}", told)


def wait_off(host: Host) -> None:
    until(lambda: not host.powered, f"{host.name} is off")


def wait_listening(world: World, name: str) -> None:
    """Until its daemon takes connections."""
    look = ["sh", "-c", "ss -Hltn 'sport = :3121' | grep -q ."]
    world.until(f"{name} listens", lambda: world.rig[name].run(*look, check=False).returncode == 0)
