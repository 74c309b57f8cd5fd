"""Two real BMC simulators: ipmi_sim for IPMI, sushy-tools' emulator for Redfish.

Each keeps the power state in a file or an API that a test can set; both listen on loopback, on
ports that were free a moment before (taken again with another port when somebody was quicker), and
end with the test run.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.fixtures.cache import cache
from tests.fixtures.lifeline import end, spawn

USER = "admin"
PASSWORD = "secret"
_HTPASSWD = "admin:$2b$04$UrxsXo0I7k8I5IYs3qHH3ebEIkdkLpcM3521C/anLM2ls47WL9z/W"
_HOST_OFF = "11111111-1111-1111-1111-111111111111"

_LAN = """\
name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{folder}/chassis 0x20"
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""

_EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""

# What ipmi_sim asks when it wants to know or change the chassis: "MC get power", answered from a file.
# A file named "flapping" makes every answer the opposite of the one before.
_CHASSIS = """\
#!/bin/sh
cd {folder} || exit 1
shift; operation=$1; shift
case $operation in
  get)
    for what in "$@"; do
        [ "$what" = power ] || continue
        echo "power:$(cat power)"
        [ -e flapping ] && echo $((1 - $(cat power))) > power
    done ;;
esac
exit 0
"""


@dataclass
class IpmiBmc:
    """A running ipmi_sim."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    def set_power(self, on: bool) -> None:
        (self.folder / "flapping").unlink(missing_ok=True)
        (self.folder / "power").write_text("1" if on else "0")

    def flap(self) -> None:
        """Say "off" first, then the opposite each time."""
        self.set_power(False)
        (self.folder / "flapping").touch()


@dataclass
class RedfishBmc:
    """A running sushy-tools emulator with one system."""

    url: str
    process: "subprocess.Popen[bytes]"
    system: str = f"/redfish/v1/Systems/{_HOST_OFF}"

    def set_power(self, on: bool) -> None:
        answer = requests.post(
            f"{self.url}{self.system}/Actions/ComputerSystem.Reset",
            json={"ResetType": "On" if on else "ForceOff"},
            auth=(USER, PASSWORD),
            timeout=10,
        )
        assert answer.status_code in (200, 204), answer.text
        # The emulator takes its time, as a real server does.
        wanted, deadline = "On" if on else "Off", time.monotonic() + 60
        while self._state() != wanted:
            assert time.monotonic() < deadline, f"the emulator did not switch its system {wanted}"
            time.sleep(0.1)

    def _state(self) -> str:
        answer = requests.get(f"{self.url}{self.system}", auth=(USER, PASSWORD), timeout=10)
        return str(answer.json()["PowerState"])


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _started(
    start: Callable[[int], "subprocess.Popen[bytes]"], kind: socket.SocketKind, ready: Callable[[int], bool]
) -> tuple[int, "subprocess.Popen[bytes]"]:
    for _ in range(5):
        port = _free_port(kind)
        process = start(port)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            if ready(port):
                return port, process
            time.sleep(0.05)
        end(process, grace=0)
    raise AssertionError("the simulator did not start in five tries; see its log")


@pytest.fixture(scope="session")
def ipmi_bmc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IpmiBmc]:
    simulator, tool = shutil.which("ipmi_sim"), shutil.which("ipmitool")
    if simulator is None or tool is None:
        _missing(
            "ipmi_sim and ipmitool (Debian: openipmi, ipmitool) are not installed: tools/setup-power.sh does it"
        )
    assert simulator is not None
    assert tool is not None
    folder = tmp_path_factory.mktemp("ipmi")
    (folder / "sim.emu").write_text(_EMULATION)
    chassis = folder / "chassis"
    chassis.write_text(_CHASSIS.format(folder=folder))
    chassis.chmod(0o755)

    def start(port: int) -> "subprocess.Popen[bytes]":
        lan = folder / "lan.conf"
        lan.write_text(_LAN.format(port=port, folder=folder, user=USER, password=PASSWORD))
        argv: list[str | Path] = [
            simulator,
            "-c",
            lan,
            "-f",
            folder / "sim.emu",
            "-s",
            folder / "state",
            "-n",
        ]
        return spawn(argv, log=folder / "log")

    def ready(port: int) -> bool:
        argv = [
            tool,
            "-I",
            "lanplus",
            "-C",
            "3",
            "-H",
            "127.0.0.1",
            "-p",
            str(port),
            "-U",
            USER,
            "-E",
            "mc",
            "guid",
        ]
        return not subprocess.run(
            argv, env={**os.environ, "IPMITOOL_PASSWORD": PASSWORD}, capture_output=True
        ).returncode

    (folder / "power").write_text("1")
    port, process = _started(start, socket.SOCK_DGRAM, ready)
    yield IpmiBmc(folder, port, process)
    end(process)


@pytest.fixture(scope="session")
def redfish_bmc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedfishBmc]:
    emulator = cache("power") / "venv/bin/sushy-emulator"
    if not emulator.exists():
        _missing(f"{emulator} is not there: tools/setup-power.sh makes it")
    folder = tmp_path_factory.mktemp("redfish")
    (folder / "htpasswd").write_text(_HTPASSWD + "\n")
    settings = {
        "SUSHY_EMULATOR_LISTEN_IP": "127.0.0.1",
        "SUSHY_EMULATOR_AUTH_FILE": str(folder / "htpasswd"),
        "SUSHY_EMULATOR_FAKE_DRIVER": True,
        "SUSHY_EMULATOR_STATE_DIR": str(folder),
        "SUSHY_EMULATOR_FAKE_SYSTEMS": [{"uuid": _HOST_OFF, "name": "n1", "power_state": "On", "nics": []}],
    }
    config = folder / "emulator.conf"
    config.write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()) + "\n")

    def start(port: int) -> "subprocess.Popen[bytes]":
        argv: list[str | Path] = [
            emulator,
            "--config",
            config,
            "--interface",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        return spawn(argv, log=folder / "log")

    def ready(port: int) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/redfish/v1/", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    port, process = _started(start, socket.SOCK_STREAM, ready)
    yield RedfishBmc(f"http://127.0.0.1:{port}", process)
    end(process)


def _missing(what: str) -> None:
    if os.geteuid() == 0:
        raise AssertionError(what)
    pytest.skip(what)
