"""A monitor that may ask Pacemaker and nobody else: not named in uidgid.d, without sudo or Corosync's files."""

import sys
import tempfile
from pathlib import Path

import pytest

from tests.fixtures.monitor_process import BIN
from tests.fixtures.waiting import PATIENCE
from tests.integration.pacemaker.world import REPO, Monitor, World

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


def test_check_names_the_right_that_is_missing(world: World) -> None:
    """As root, as a member of haclient alone, and as nobody in particular."""
    monitor = Monitor(world.rig, "n1", {})
    with tempfile.TemporaryDirectory(prefix="mmc-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        conf = Path(folder) / "conf"
        conf.write_text(monitor.conf.read_text().replace(str(monitor.state), f"{folder}/state"))
        conf.chmod(0o644)
        for group, pacemaker, corosync in (
            ("root", "ok       pacemaker: its configuration", "ok       corosync: quorum and process groups"),
            ("haclient", "ok       pacemaker: its configuration", "FAULT    corosync can be asked neither"),
            ("-", "FAULT    Pacemaker cannot be asked", "FAULT    corosync can be asked neither"),
        ):
            lines = checked(world, group, conf)
            assert [line for line in lines if line.startswith(pacemaker)], f"{group}\n{lines}"
            assert [line for line in lines if line.startswith(corosync)], f"{group}\n{lines}"


def checked(world: World, group: str, conf: Path) -> list[str]:
    command = [str(BIN / "masakari-monitors"), "check"]
    if group != "root":
        command = ["env", f"PYTHONPATH={REPO}", sys.executable, "-m", "tests.fixtures.check_as_nobody", group]
    arguments = ["--monitor", "hostmonitor", "--config-file", str(conf)]
    done = world.rig["n1"].run(*command, *arguments, check=False, timeout=PATIENCE)
    assert done.stdout and "Traceback" not in done.stderr, done
    return done.stdout.splitlines()
