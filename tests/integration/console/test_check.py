"""What makes a monitor exit at its start makes `masakari-monitors check` fail, in the same words: both are run for
real.

Each row is a configuration with one thing wrong, and the monitor that meets it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.fake_bmc import bmcs
from tests.fixtures.monitor_process import BIN, MonitorProcess
from tests.fixtures.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "checking.rst"

Sections = dict[str, dict[str, Any]]
Break = Callable[[Path, Sections], None]
"""Makes one thing wrong, in the folder of the configuration or in its sections."""


def setting(section: str, **values: object) -> Break:
    def change(folder: Path, sections: Sections) -> None:
        sections.setdefault(section, {}).update(
            {key: str(value).replace("FOLDER", str(folder)) for key, value in values.items()}
        )

    return change


def file(name: str, text: str, section: str, option: str, **values: object) -> Break:
    def change(folder: Path, sections: Sections) -> None:
        (folder / name).write_text(text)
        setting(section, **{option: folder / name}, **values)(folder, sections)

    return change


def without(section: str) -> Break:
    def change(folder: Path, sections: Sections) -> None:
        del sections[section]

    return change


def no_ordinary_outbox(folder: Path, sections: Sections) -> None:
    state = folder / "state"
    state.mkdir(mode=0o700)
    (state / "processmonitor.sqlite").mkdir()
    sections["DEFAULT"]["state_path"] = state


def linked_lock(folder: Path, sections: Sections) -> None:
    state = folder / "state"
    state.mkdir(mode=0o700)
    (state / "processmonitor.sqlite.lock").symlink_to("/dev/null")
    sections["DEFAULT"]["state_path"] = state


CONSUL = {"monitoring_driver": "consul"}

TABLE: dict[str, tuple[str, Break]] = {
    "no process list": ("processmonitor", setting("process", process_list_path="FOLDER/nope.yaml")),
    "misspelt key of the list": (
        "processmonitor",
        file("bad.yaml", "- process_name: x\n  start_comand: y\n", "process", "process_list_path"),
    ),
    "a value that is none": ("processmonitor", setting("process", check_interval="soon")),
    "a value out of range": ("processmonitor", setting("process", restart_retries="-1")),
    "no way to masakari": ("processmonitor", without("api")),
    "half of the credentials": ("processmonitor", setting("api", auth_type="password", username="masakari")),
    "an auth type that is none": ("processmonitor", setting("api", auth_type="pasword")),
    "a folder for state that is a file": (
        "processmonitor",
        setting("DEFAULT", state_path="FOLDER/list.yaml"),
    ),
    "a folder for state below a file": (
        "processmonitor",
        setting("DEFAULT", state_path="FOLDER/list.yaml/x"),
    ),
    "an outbox that is no file": ("processmonitor", no_ordinary_outbox),
    "a lock that is a link": ("processmonitor", linked_lock),
    "a log that has no folder": ("processmonitor", setting("DEFAULT", log_file="FOLDER/no/log")),
    "a folder for logs that is none": ("processmonitor", setting("DEFAULT", log_dir="FOLDER/no")),
    "a log that is a folder": ("processmonitor", setting("DEFAULT", log_file="FOLDER")),
    "levels that are none": ("processmonitor", setting("DEFAULT", default_log_levels="x=LOUD")),
    "a logging file that is none": (
        "processmonitor",
        file("logging.conf", "no section\n", "DEFAULT", "log_config_append"),
    ),
    "a driver that is none": ("hostmonitor", setting("host", monitoring_driver="consull")),
    "Consul without an agent": ("hostmonitor", setting("host", **CONSUL)),
    "an address that is none": (
        "hostmonitor",
        lambda folder, sections: sections.update(
            {"host": dict(CONSUL), "consul": {"agent_storage": "127.0.0.1:port"}}
        ),
    ),
    "a broken matrix": (
        "hostmonitor",
        lambda folder, sections: (
            setting("host", **CONSUL)(folder, sections),
            file("matrix.yaml", "sequence: [manage\n", "consul", "matrix_config_file")(folder, sections),
        )[-1],
    ),
    "domains that nobody has named": (
        "hostmonitor",
        setting("host", monitoring_driver="default", storm_domain_threshold=3),
    ),
    "failure domains that cannot be read": (
        "hostmonitor",
        setting("host", monitoring_driver="default", failure_domains_file="FOLDER/nope.yaml"),
    ),
    "a power file that is none": (
        "hostmonitor",
        file("power.yaml", "node01: [\n", "host", "power_config_file", monitoring_driver="default"),
    ),
    "rings without ports": (
        "hostmonitor",
        setting(
            "host",
            monitoring_driver="default",
            corosync_multicast_interfaces="eth0,eth1",
            corosync_multicast_ports="5405",
        ),
    ),
    "no kubeconfig": (
        "hostmonitor",
        lambda folder, sections: sections.update(
            {"host": {"monitoring_driver": "kubernetes"}, "kubernetes": {"kubeconfig": folder / "nope"}}
        ),
    ),
    "a URI that is none": ("instancemonitor", setting("libvirt", connection_uri="system")),
    "a URI that is none, for guests": (
        "introspectiveinstancemonitor",
        setting("libvirt", connection_uri="system"),
    ),
}


def monitor_of(name: str, folder: Path, wrong: Break) -> MonitorProcess:
    (folder / "list.yaml").write_text(f"- process_name: {folder}/never\n")
    sections: Sections = {
        "DEFAULT": {"hostname": "compute-1"},
        "api": {"auth_type": "none", "endpoint": "http://127.0.0.1:9/v1"},
        "process": {"process_list_path": folder / "list.yaml", "own_pid_namespace": True},
    }
    wrong(folder, sections)
    return MonitorProcess(name, folder, sections)


def checked(monitor: MonitorProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [str(BIN / "masakari-monitors"), "check", *arguments, "--config-file", str(monitor.conf)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("row", TABLE)
def test_check_fails_in_the_words_of_the_monitor(row: str, tmp_path: Path) -> None:
    name, wrong = TABLE[row]
    monitor = monitor_of(name, tmp_path, wrong)
    # First the check: what it would make would be there for the monitor.
    there = sorted(path for path in tmp_path.rglob("*"))
    check = checked(monitor, "--offline", "--json")
    assert sorted(path for path in tmp_path.rglob("*")) == there, "check made something"
    ended = monitor.run()
    assert ended.returncode == 1, ended
    words = flat(ended.stderr.removeprefix(f"masakari-{name}: "))
    assert words and "Traceback" not in words
    assert check.returncode == 1, check
    said = [flat(one["text"]) for one in json.loads(check.stdout)["findings"] if one["weight"] == "fault"]
    assert [text for text in said if text.removeprefix(f"{name}: ") == words], f"{words}\n{said}"


def test_a_matrix_that_can_never_recover_starts_and_is_a_fault(tmp_path: Path) -> None:
    def wrong(folder: Path, sections: Sections) -> None:
        sections |= {"host": dict(CONSUL), "consul": {"agent_manage": "127.0.0.1:9"}}

    check = checked(monitor_of("hostmonitor", tmp_path, wrong), "--offline", "--monitor", "hostmonitor")
    assert check.returncode == 1
    assert "FAULT    hostmonitor: no combination of these links means recovery" in check.stdout


def test_a_configuration_in_order_is_0(tmp_path: Path) -> None:
    monitor = monitor_of("processmonitor", tmp_path, lambda folder, sections: None)
    check = checked(monitor, "--offline", "--monitor", "processmonitor")
    assert check.returncode == 0, check
    assert "ok       processmonitor can work here" in check.stdout


def test_a_wrong_argument_is_2(tmp_path: Path) -> None:
    monitor = monitor_of("processmonitor", tmp_path, lambda folder, sections: None)
    assert checked(monitor, "--offlin=3").returncode == 2


def test_nobody_to_ask_is_named_line_by_line_and_in_bounded_time(tmp_path: Path) -> None:
    def nobody(folder: Path, sections: Sections) -> None:
        sections |= {"host": dict(CONSUL), "consul": {"agent_storage": "127.0.0.1:9"}}

    check = checked(monitor_of("hostmonitor", tmp_path, nobody), "--monitor", "hostmonitor")
    assert check.returncode == 1 and "Traceback" not in check.stderr, check
    assert "FAULT    consul: the datacentre storage cannot be seen" in check.stdout
    assert "FAULT    masakari-api gave no usable answer" in check.stdout


def commands_of(page: Path) -> list[str]:
    """Each command that the page shows."""
    return re.findall(r"^ +\$ (masakari-monitors\S* .*)$", page.read_text(), re.MULTILINE)


def test_the_page_shows_commands() -> None:
    assert len(commands_of(PAGE)) >= 5


@pytest.mark.parametrize("command", commands_of(PAGE))
def test_every_command_of_the_page_runs(command: str, tmp_path: Path) -> None:
    monitor = monitor_of("processmonitor", tmp_path, lambda folder, sections: None)
    program, *words = command.split()
    named = [] if "--config-file" in words else ["--config-file", str(monitor.conf)]
    argv = [str(BIN / program), *words, *named]
    if program.endswith("-status"):
        pytest.importorskip("oslo_upgradecheck", reason="oslo.upgradecheck is not installed")
        argv = [
            sys.executable,
            "-c",
            "from masakarimonitors.cmd.subcommands.upgrade import main; main()",
            *named,
            *words,
        ]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT)
    # Here is neither a cloud nor a cluster: that is a fault, and the command has told it.
    assert ran.returncode in (0, 1) and ran.stdout and "Traceback" not in ran.stderr, ran


def test_bmcs_are_asked_where_that_is_wanted_and_no_others(tmp_path: Path) -> None:
    with bmcs(["compute-1", "compute-2", "compute-3"], tmp_path) as (found, power_file):

        def named(folder: Path, sections: Sections) -> None:
            sections |= {
                "host": {**CONSUL, "power_config_file": power_file},
                "consul": {"agent_storage": "127.0.0.1:9"},
            }

        monitor = monitor_of("hostmonitor", tmp_path, named)
        assert " BMCs: " not in checked(monitor, "--monitor", "hostmonitor").stdout
        assert {host: bmc.asked for host, bmc in found.items()} == dict.fromkeys(found, 0)
        said = checked(monitor, "--monitor", "hostmonitor", "--bmc").stdout
        assert "ok       BMCs: 3 of 3 hosts have BMCs that answer, and say on" in said, said
        assert {host: bmc.asked for host, bmc in found.items()} == dict.fromkeys(found, 1)
        found["compute-1"].power = found["compute-2"].power = "Off"
        said = checked(monitor, "--monitor", "hostmonitor", "--bmc").stdout
        assert "ok       BMCs: 1 of 3 hosts" in said
        assert "FAULT    BMC of compute-1: it says off, and this host runs: it is another host's" in said
        assert "warning  BMC of compute-2: it says off" in said
