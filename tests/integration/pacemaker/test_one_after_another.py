"""Work on one remote after another, as upgrades do it: no failure, and the next one of each is reported."""

import pytest

from tests.integration.pacemaker.rig import MEMBERS, REMOTES
from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-unfenced"), pytest.mark.timeout(400)]

# As kolla-ansible deploys it: nothing proves a death, so that a goodbye missed would be a false accusation.
UNPROVEN = {"disable_ipmi_check": "true", "pacemaker_node_type": "cluster", "restrict_to_remotes": "true"}
QUICK = {"unproven_settle_time": "2", "stonith_wait": "5"}


def test_remotes_that_restart_in_turn_have_left_each_and_are_watched_again_afterwards(world: World) -> None:
    world.rig["n1"].set_property("stonith-enabled", "false")
    world.watch(**UNPROVEN, **QUICK)
    for name in REMOTES:
        world.rig[name].stop_pacemaker()
        for member in MEMBERS:
            world.wait_state(member, name, "left")
        wait_told(world, name, "masakari has it in service")
        world.rig[name].start_pacemaker()
        world.rig.reconnect(name)
        world.wait_seeing()
    assert world.reports() == []
    fail_and_be_reported(world)


def fail_and_be_reported(world: World) -> None:
    """Every remote loses its power, one after another, and each is reported once."""
    for count, name in enumerate(REMOTES, start=1):
        world.rig[name].power_cut()
        world.wait_reports(*((lost, "STOPPED", "NORMAL") for lost in REMOTES[:count]))


def wait_told(world: World, host: str, words: str) -> None:
    """Until n1's monitor raises an alarm about the host with these words."""

    def told() -> bool:
        verdicts = world.monitors["n1"].status()["verdicts"]
        return any(v["subject"] == f"host:{host}" and v["alarm"] and words in v["why"] for v in verdicts)

    world.until(f"n1's alarm about {host}: {words}", told)
