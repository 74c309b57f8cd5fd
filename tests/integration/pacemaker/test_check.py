"""What an operator is told of a real cluster before a host fails: at the start, and by `masakari-monitors check`."""

import sys
from pathlib import Path

import pytest

from tests.fixtures.monitor_process import BIN
from tests.integration.pacemaker.rig import end_inside
from tests.integration.pacemaker.world import World

pytestmark = [pytest.mark.xdist_group("pacemaker-members"), pytest.mark.timeout(400)]

REMARK = "Pacemaker fences by reboot (stonith-action = reboot, the default)"


def test_fencing_by_reboot_is_told_at_the_start_and_by_check(world: World) -> None:
    world.start("n1").until_said(f"WARNING.*{REMARK}".replace("(", r"\(").replace(")", r"\)"))
    assert [line for line in checked(world) if line.startswith(f"warning  {REMARK}")]
    world.rig["n1"].set_property("stonith-action", "off")
    assert not [line for line in checked(world) if REMARK in line]


def checked(world: World) -> list[str]:
    """What the check says on n1, once it has asked the cluster."""
    conf = str(world.monitors["n1"].conf)
    done = world.rig["n1"].run(
        str(BIN / "masakari-monitors"), "check", "--config-file", conf, check=False, timeout=60
    )
    assert "Pacemaker cannot be asked" not in done.stdout and not done.stderr.startswith("usage"), done
    assert "this host is called n1" in done.stdout
    return done.stdout.splitlines()


LATER = """
import select, signal
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import Group
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.elector import GROUP

group = Group(GROUP)
while not group.dispatch():
    select.select([group.fd], [], [])
while not group.send(b'1 {"n9": {"status": "of a later release"}}'):
    pass
signal.pause()
"""


def test_a_ledger_that_cannot_be_read_is_told_by_whose_monitor_it_is(world: World, tmp_path: Path) -> None:
    monitor = world.start("n1")
    world.wait_seeing()
    later = world.rig["n2"].spawn(sys.executable, "-c", LATER, log=tmp_path / "later.log")
    monitor.until_said("WARNING.*the monitor of n2 tells Corosync's group of the ledger .* cannot be read")
    end_inside(later)
