"""A pacemaker-remote node: Corosync knows nothing of it; Pacemaker does."""

import pytest

from tests.integration.pacemaker.rig import MEMBERS
from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-remotes"), pytest.mark.timeout(400)]

STOPPED = ("r1", "STOPPED", "NORMAL")
STARTED = ("r1", "STARTED", "NORMAL")


def test_r23_a_killed_remote_gives_one_stopped_and_one_started(world: World) -> None:
    """Pacemaker's own view flaps meanwhile: crm_mon calls the dead remote online while it reconnects (R23)."""
    world.watch(restrict_to_remotes="true")
    world.rig["r1"].power_cut()
    world.wait_reports(STOPPED)
    mon = "crm_mon", "--output-as=xml"

    def online(expected: str) -> bool:
        document = world.rig["n1"].xml(*mon)
        node = document.find("./nodes/node[@name='r1']") if document is not None else None
        return node is not None and node.get("online") == expected

    world.until("crm_mon calls the dead remote online", lambda: online("true"), within=120)
    world.until("and no longer", lambda: online("false"), within=120)
    assert world.reports() == [STOPPED]
    world.rig["r1"].power_on()
    world.wait_reports(STOPPED, STARTED)


def test_every_monitor_hears_of_a_lost_remote_though_pacemaker_tells_few(world: World) -> None:
    # Nobody waits for the resync: looks that nothing has announced are as rare as they can be.
    world.watch(stonith_wait="5", monitoring_interval="3600")
    world.rig.strip.hold()  # fencing alerts would go to everybody
    world.rig["r1"].power_cut()
    for name in MEMBERS:
        world.wait_state(name, "r1", "failing, not reported yet")


def test_a_remote_with_a_cut_link_is_reported_once_it_is_fenced(world: World) -> None:
    world.watch("n1")
    world.rig["r1"].unplug()
    world.wait_reports(STOPPED)
    assert {f.host for f in world.rig.strip.fenced} == {"r1"}


def test_a_remote_that_stops_cleanly_is_reported_only_if_pacemaker_fences_it(world: World) -> None:
    """Pacemaker 2 fences a remote whose daemon was stopped while its resource is wanted: then it is off. 3 does not."""
    world.watch()  # one member tells its monitor of the good-bye, which tells the others
    world.rig.strip.hold()
    world.rig["r1"].stop_pacemaker()
    version = world.rig["n1"].run("crm_mon", "--version").stdout.removeprefix("Pacemaker ")
    if int(version.partition(".")[0]) > 2:
        world.wait_state("n1", "r1", "left")
        assert world.reports() == [] and world.rig.strip.orders == []
        return
    world.until("pacemaker wants to fence r1", lambda: world.rig.strip.orders)
    assert world.reports() == []
    world.rig.strip.release()
    world.wait_reports(STOPPED)


def test_a_remote_that_dies_with_the_member_that_held_its_connection_is_asked_about(world: World) -> None:
    """This Pacemaker neither calls it unclean nor fences it; without a BMC that proves it, UNKNOWN is reported."""
    holder = connection_holder(world)
    watcher = next(name for name in MEMBERS if name != holder)
    world.watch(watcher, stonith_wait="5", ipmi_retry_max="0", ipmi_retry_interval="1")
    world.rig[holder].power_cut()
    world.rig["r1"].power_cut()
    wanted = {(holder, "STOPPED", "NORMAL"), ("r1", "STOPPED", "UNKNOWN")}
    world.until(f"{wanted} are reported", lambda: set(world.reports()) >= wanted, within=90)
    assert "r1" not in {fenced.host for fenced in world.rig.strip.fenced}


def test_a_remote_that_is_dead_while_its_connection_is_started_is_asked_about(world: World) -> None:
    """Pacemaker fences when the monitor operation of a connection fails; a start that fails is tried elsewhere."""
    world.watch("n1", stonith_wait="5", ipmi_retry_max="0", ipmi_retry_interval="1")
    role = ["crm_resource", "--resource", "r1", "--meta"]
    world.rig["n1"].run(*role, "--set-parameter", "target-role", "--parameter-value", "Stopped")
    world.wait_state("n1", "r1", "left")
    world.rig["r1"].power_cut()
    world.rig["n1"].run(*role, "--delete-parameter", "target-role")
    world.until("its connection is started in vain", world.rig.failures)
    world.wait_reports(("r1", "STOPPED", "UNKNOWN"))
    assert world.rig.strip.orders == []


def test_a_remote_that_dies_in_maintenance_mode_is_asked_about_when_that_is_over(world: World) -> None:
    """This Pacemaker does not fence it afterwards either, so that nobody but a BMC could prove it."""
    world.watch("n1", stonith_wait="5", ipmi_retry_max="0", ipmi_retry_interval="1")
    world.rig["n1"].set_property("maintenance-mode", "true")
    world.until("n1's monitor tells of the maintenance", lambda: told(world, "maintenance"))
    world.rig["r1"].power_cut()
    world.wait_state("n1", "r1", "failing, not reported yet")
    world.until("its report is held as planned work", lambda: told(world, "held"))
    assert world.reports() == []
    world.rig["n1"].set_property("maintenance-mode", "false")
    world.until("r1 is reported", lambda: "r1" in {host for host, *_ in world.reports()})
    assert {(host, event) for host, event, _ in world.reports()} == {("r1", "STOPPED")}


def told(world: World, word: str) -> bool:
    """Whether a verdict with `word` was told about r1."""
    verdicts = world.monitors["n1"].status().get("verdicts", [])
    return any(v["subject"] == "host:r1" and word in f"{v['ruling']} {v['why']}" for v in verdicts)


def connection_holder(world: World) -> str:
    """The member on which r1's connection runs."""
    mon = world.rig["n1"].xml("crm_mon", "--output-as=xml")
    node = mon.find("./resources/resource[@id='r1']/node") if mon is not None else None
    assert node is not None
    return str(node.get("name"))


def test_a_remote_stopped_by_way_of_its_resource_is_planned(world: World) -> None:
    world.watch("n1")
    role = ["crm_resource", "--resource", "r1", "--meta"]
    world.rig["n1"].run(*role, "--set-parameter", "target-role", "--parameter-value", "Stopped")
    world.wait_state("n1", "r1", "left")
    world.rig["r1"].stop_pacemaker()
    world.rig["r1"].power_cut()
    world.rig["r1"].power_on()
    world.rig["n1"].run(*role, "--delete-parameter", "target-role")
    world.wait_seeing("n1")
    assert world.reports() == [] and world.rig.strip.orders == []


def test_without_the_alert_agent_polls_see_a_killed_remote(world: World) -> None:
    world.rig.heal()  # takes the agent out of the CIB
    world.watch("n1")
    world.rig["r1"].power_cut()
    world.wait_reports(STOPPED)


def test_a_monitor_on_a_remote_sees_the_members(world: World) -> None:
    world.start("r1")
    world.until("r1 sees all others", lambda: world.monitors["r1"].states().get("hosts") == "4 up")
    world.rig["n2"].power_cut()
    world.wait_reports(("n2", "STOPPED", "NORMAL"))
