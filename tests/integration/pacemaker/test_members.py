"""Full members of a real cluster: each fault, and exactly the reports that it must give.

Monitors run on all three members in every test, so "one report" is always also "one sender".
"""

import os
import signal

import pytest

from tests.fixtures.waiting import NotInTime
from tests.integration.pacemaker.rig import MEMBERS
from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-members"), pytest.mark.timeout(400)]

STOPPED = ("n2", "STOPPED", "NORMAL")
STARTED = ("n2", "STARTED", "NORMAL")


def test_a_power_cut_gives_one_report_after_fencing_and_one_when_it_is_back(world: World) -> None:
    world.watch()
    world.rig.strip.hold()  # slow fencing
    world.rig["n2"].power_cut()
    world.wait_state("n1", "n2", "failing, not reported yet")
    world.until("pacemaker wants to fence n2", lambda: world.rig.strip.orders)
    assert world.reports() == []
    world.rig.strip.release()
    world.wait_reports(STOPPED)
    world.rig.heal(alerts=True)
    world.wait_reports(STOPPED, STARTED)
    world.start("n2")
    world.wait_seeing()
    assert world.reports() == [STOPPED, STARTED]


def test_a_cut_link_is_reported_once_the_host_is_fenced(world: World) -> None:
    world.watch()
    world.rig["n2"].unplug()
    world.wait_reports(STOPPED)
    assert [f.host for f in world.rig.strip.fenced] == ["n2"]


def test_failing_fencing_of_a_living_host_is_never_normal_until_it_succeeds(world: World) -> None:
    world.watch(ipmi_retry_max="0", ipmi_retry_interval="1", stonith_wait="1")
    world.rig.strip.broken = True
    world.rig["n2"].unplug()
    world.wait_reports(("n2", "STOPPED", "UNKNOWN"))
    world.until("fencing has failed three times", lambda: len(world.rig.strip.orders) >= 3)
    assert world.rig["n2"].powered
    assert world.reports() == [("n2", "STOPPED", "UNKNOWN")]
    world.rig.strip.broken = False
    world.wait_reports(("n2", "STOPPED", "UNKNOWN"), STOPPED)
    assert not world.rig["n2"].powered


def test_planned_work_gives_no_report(world: World) -> None:
    world.watch(monitoring_interval="2")
    rig, n1 = world.rig, world.rig["n1"]

    n1.run("crm_attribute", "-N", "n2", "-n", "standby", "-v", "on")
    world.until("n1's monitor tells of the standby", lambda: told(world, "n1", "standby"))
    n1.run("crm_attribute", "-N", "n2", "-n", "standby", "-D")
    n1.run("crm_attribute", "-N", "n2", "-n", "maintenance", "-v", "true")
    world.until("n1's monitor tells of the maintenance", lambda: told(world, "n1", "maintenance"))
    n1.run("crm_attribute", "-N", "n2", "-n", "maintenance", "-D")

    rig["n2"].stop_pacemaker()
    world.wait_state("n1", "n2", "left")
    rig["n2"].stop_corosync()
    world.until("corosync of n2 is gone", lambda: "n2" not in rig["n1"].online())
    world.until("n1 has looked again", lambda: evidence(world, "n1", "n2") == "stopped cleanly")
    assert rig.strip.orders == []
    rig.heal(alerts=True)
    world.start("n2", monitoring_interval="2")
    world.wait_seeing()
    assert world.reports() == []


def told(world: World, monitor: str, word: str) -> bool:
    """Whether a verdict with `word` was told about n2."""
    verdicts = world.monitors[monitor].status().get("verdicts", [])
    return any(v["subject"] == "host:n2" and word in v["why"] for v in verdicts)


def evidence(world: World, monitor: str, host: str) -> str:
    """What the monitor shows as evidence for a host's state, without the link's name."""
    for row in world.monitors[monitor].status().get("subjects", []):
        if row["subject"] == f"host:{host}":
            return "stopped cleanly" if "stopped cleanly" in row["detail"] else str(row["detail"])
    return ""


def test_a_killed_controller_heals_and_gives_no_report(world: World) -> None:
    world.watch()
    n2 = world.rig["n2"]
    before = n2.run("pgrep", "-x", "pacemaker-contr").stdout
    n2.kill("pacemaker-controld", "KILL")

    def settled() -> bool:
        if world.rig.strip.orders:
            return True
        after = n2.run("pgrep", "-x", "pacemaker-contr", check=False).stdout
        return after not in ("", before) and world.rig["n1"].online() >= {"n2"}

    world.until("the controller is back", settled)
    # On a computer under load Pacemaker may lose patience and fence n2: then, and only then, it is reported.
    if world.rig.strip.orders:
        world.wait_reports(STOPPED)
    else:
        assert world.reports() == []


def test_without_quorum_nobody_is_accused(world: World) -> None:
    world.watch()
    world.rig["n2"].unplug()
    world.rig["n3"].unplug()
    for name in MEMBERS:
        world.until(
            f"{name} knows that it is blind",
            lambda name=name: world.monitors[name].states().get("link:cluster") == "blind",  # type: ignore[misc]
        )
    world.until("nobody reports", lambda: world.reporters() == [])
    world.rig["n2"].plug()
    world.rig["n3"].plug()

    # Pacemaker 2.1.5 now and then keeps members "pending" for good after such a merge. Its own word tells: who
    # has quorum there must see again, and only if that are fewer than two, fewer need to.
    def seeing() -> list[str]:
        return [n for n, monitor in world.monitors.items() if monitor.states().get("link:cluster") == "seen"]

    try:
        world.until("two see again", lambda: len(seeing()) >= 2)
    except NotInTime:
        quorate = [name for name in MEMBERS if world.rig[name].quorate()]
        assert len(quorate) < 2 and seeing() == quorate, (quorate, seeing())
    assert world.reports() == []


def test_an_isolated_reporter_accuses_nobody_and_is_reported_by_the_next(world: World) -> None:
    world.watch()
    world.until("n1 is the reporter", lambda: world.reporters() == ["n1"])
    world.rig.strip.hold()
    world.rig["n1"].unplug()
    world.until("n1 is blind", lambda: world.monitors["n1"].states().get("link:cluster") == "blind")
    world.until("n2 is the reporter", lambda: world.monitors["n2"].is_reporter())
    world.until("n1 is the reporter no more", lambda: not world.monitors["n1"].is_reporter())
    world.rig.strip.release()
    world.wait_reports(("n1", "STOPPED", "NORMAL"))


def test_a_host_already_down_when_the_first_monitor_starts_is_reported_once(world: World) -> None:
    """Switched off moments before, that is: one that was fenced by reboot may have come back meanwhile."""
    world.rig["n1"].set_property("stonith-action", "off")
    world.rig["n2"].power_cut()
    world.until("n2 is fenced", lambda: world.rig.strip.fenced)
    for name in ("n1", "n3"):
        world.start(name)
    world.wait_reports(STOPPED)
    for name in ("n1", "n3"):
        world.monitors[name].signal(signal.SIGTERM)
        world.start(name)
        world.wait_state(name, "n2", "failed, reported")
    assert world.reports() == [STOPPED]


def test_a_failure_while_the_monitors_restart_is_reported_once(world: World) -> None:
    world.watch()
    for name in MEMBERS:
        world.monitors[name].signal(signal.SIGKILL)
    world.rig["n2"].power_cut()
    world.until("n2 is fenced", lambda: world.rig.strip.fenced)
    for name in ("n1", "n3"):
        world.start(name)
    world.wait_reports(STOPPED)
    for name in ("n1", "n3"):
        world.wait_state(name, "n2", "failed, reported")
    assert world.reports() == [STOPPED]


def test_the_reporter_dies_with_the_host_it_should_report_about_to_be_told(world: World) -> None:
    """The reporter is killed between the failure and its proof: the next one sends, and once."""
    world.watch()
    world.rig.strip.hold()
    world.rig["n2"].power_cut()
    world.wait_state("n1", "n2", "failing, not reported yet")
    world.monitors["n1"].signal(signal.SIGKILL)
    world.until("n3 is the reporter", lambda: world.monitors["n3"].is_reporter())
    world.rig.strip.release()
    world.wait_reports(STOPPED)
    # Back again, the lowest node id takes over with the ledger and repeats nothing.
    world.start("n1")
    world.until("n1 is the reporter", lambda: world.reporters() == ["n1"])
    world.wait_state("n1", "n2", "failed, reported")
    assert world.reports() == [STOPPED]


def test_a_reporter_that_was_stopped_in_its_tracks_does_not_report_again(world: World) -> None:
    """It slept while the next one reported; awake, it still believes for a moment what it believed before."""
    world.watch()
    world.until("n1 is the reporter", lambda: world.reporters() == ["n1"])
    world.rig.strip.hold()
    world.rig["n2"].power_cut()
    world.wait_state("n1", "n2", "failing, not reported yet")
    world.wait_state("n3", "n2", "failing, not reported yet")
    asleep, front = world.monitors["n1"].pid, world.monitors["n1"].process
    assert front is not None
    os.kill(asleep, signal.SIGSTOP)
    try:
        world.until("n3 is the reporter", lambda: world.monitors["n3"].is_reporter())
        world.rig.strip.release()
        world.wait_reports(STOPPED)
    finally:
        os.kill(asleep, signal.SIGCONT)
        front.send_signal(signal.SIGCONT)  # nsenter stops itself with its child
    world.until("n1 is the reporter", lambda: world.reporters() == ["n1"])
    world.wait_state("n1", "n2", "failed, reported")
    assert world.reports() == [STOPPED]
    verdicts = world.monitors["n1"].status()["verdicts"]
    assert not [v for v in verdicts if v["subject"] == "host:n2" and v["ruling"] == "reported"]


def test_reporter_all_sends_from_everywhere_and_the_api_takes_one(world: World) -> None:
    for name in MEMBERS:
        world.start(name, reporter="all")
    for name in MEMBERS:
        world.until(
            f"{name} sees everybody",
            lambda name=name: world.monitors[name].states().get("hosts") == "4 up",  # type: ignore[misc]
        )
    world.rig["n2"].power_cut()
    for name in ("n1", "n3"):
        world.wait_state(name, "n2", "failed, reported")
    world.wait_reports(STOPPED)
