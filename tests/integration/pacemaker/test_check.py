"""What an operator is told of a real cluster before a host fails: at the start, and by `masakari-monitors check`."""

import pytest

from tests.fixtures.monitor_process import BIN
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
