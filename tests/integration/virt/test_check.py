"""What `masakari-monitors check` says of a real libvirt: by root, by a user who may only look, and where it is away."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.monitor_process import BIN, write_conf
from tests.fixtures.waiting import PATIENCE
from tests.integration.virt.ready import libvirt as libvirt  # without it this module skips itself
from tests.integration.virt.realm import Realm

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(300)]


@pytest.fixture
def conf(realm: Realm) -> Iterator[Path]:
    """A configuration that everybody may read."""
    with tempfile.TemporaryDirectory(prefix="mmc-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        sections = {
            "DEFAULT": {"hostname": "compute-1", "state_path": f"{folder}/state"},
            "api": {"auth_type": "none", "endpoint": "http://127.0.0.1:9/v1"},
            "libvirt": {"connection_uri": realm.uri},
        }
        file = write_conf(Path(folder) / "conf", sections)
        file.chmod(0o644)
        yield file


def checked(conf: Path, *, as_nobody: bool = False) -> list[str]:
    nobody = [sys.executable, "-m", "tests.fixtures.check_as_nobody", "-"]
    argv = [
        *(nobody if as_nobody else [str(BIN / "masakari-monitors"), "check"]),
        "--monitor",
        "instancemonitor",
    ]
    argv += ["--monitor", "introspectiveinstancemonitor", "--config-file", str(conf)]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.stdout and "Traceback" not in ran.stderr, ran
    return ran.stdout.splitlines()


def test_whoever_may_all_and_whoever_may_only_look(realm: Realm, conf: Path) -> None:
    lines = checked(conf)
    assert f"ok       instancemonitor: the instances of {realm.uri} can be seen" in lines, lines
    assert f"ok       introspectiveinstancemonitor: guest agents at {realm.uri} can be asked" in lines
    lines = checked(conf, as_nobody=True)
    (line,) = [
        one for one in lines if one.startswith("FAULT    introspectiveinstancemonitor: no guest agent at")
    ]
    assert "refuses uid 65534" in line and "libvirt" in line


def test_a_libvirtd_that_is_away_may_come_back(realm: Realm, conf: Path) -> None:
    realm.kill_libvirtd()
    try:
        lines = checked(conf)
    finally:
        realm.start_libvirtd()
    assert [one for one in lines if one.startswith("warning  instancemonitor: no instance of")], lines
    assert [one for one in lines if one.startswith("warning  introspectiveinstancemonitor: no guest agent")]
