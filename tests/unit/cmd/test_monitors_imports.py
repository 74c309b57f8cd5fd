"""What a monitor does not keep in memory: modules that are not there when it has just started.

Each of them has come in unnoticed before, or would weigh much: a library that another one imports without need, a part
that belongs to another monitor, to another driver or to a page that is switched off. Megabytes are measured elsewhere
(`benchmarks`).
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.system import held_back
from tests.fixtures.monitor_process import Sections, write_conf
from tests.fixtures.waiting import PATIENCE

PROGRAM = """
import asyncio, json, os, sys
from masakarimonitors.cmd import monitors
from masakarimonitors.system import held_back

def started(running, page):
    with open(answer, "w") as file:
        json.dump([name for name in list(sys.modules) if held_back.is_loaded(name)], file)
    os._exit(0)

def run(main, run=asyncio.run):
    sys.modules["masakarimonitors.cmd.runner"]._say_started = started
    return run(main)

asyncio.run = run
name, answer = sys.argv.pop(1), sys.argv.pop(1)
getattr(monitors, name)()
"""
"""A console script whose monitor says what is imported once all of it is wired, and ends."""

FOR_NOBODY = {
    *held_back.MODULES,
    # what libraries have besides, for other programs
    "concurrent.futures.process",
    "jinja2",
    "multiprocessing.context",
    "oslo_concurrency",
    "oslo_service",
    "pkg_resources",
    "pydoc",
    "unittest",
    # the privileged helper's, a process of its own
    "msgpack",
    "oslo_privsep",
    # the status page's and the metrics', which are off unless they are wanted
    "masakarimonitors.status.web",
    "prometheus_client",
    # the terminal's and the receiver's
    "masakarimonitors.receiver",
    "rich",
    # for checks of a guest's output alone
    "regex",
}
LIBVIRT = {"libvirt", "masakarimonitors.libvirt"}
DRIVERS = {"consul", "kubernetes", "pacemaker"}

WITHOUT = {
    "processmonitor": {"aiohttp", "h11", "xml.etree.ElementTree", *LIBVIRT},
    "instancemonitor": {"aiohttp", "h11", "yaml"},
    "introspectiveinstancemonitor": {"aiohttp", "h11", "yaml"},
    "hostmonitor": LIBVIRT,
}
"""By monitor: what it has no use for, with these tests' configuration."""

API = {
    "auth_type": "password",
    "auth_url": "http://127.0.0.1:9/v3",
    "username": "masakari",
    "password": "secret",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


def imported(name: str, folder: Path, driver: str = "consul") -> set[str]:
    """The modules of a monitor that has just started."""
    (folder / "list.yaml").write_text(f"- process_name: {folder}/never\n")
    cluster = {"server": "http://127.0.0.1:9"}
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    sections: Sections = {
        "DEFAULT": {"hostname": "compute-1", "state_path": folder / "state"},
        "api": API,
        "process": {"process_list_path": folder / "list.yaml", "own_pid_namespace": "true"},
        "libvirt": {"connection_uri": "test:///default"},
        "host": {"monitoring_driver": driver},
        "consul": {"agent_manage": f"unix://{folder}/agent.sock"},
        "kubernetes": {"kubeconfig": folder / "kubeconfig"},
    }
    (folder / "state").mkdir()
    file = write_conf(folder / "conf", sections)
    answer = folder / "imported"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, str(answer), "--config-file", str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(json.loads(answer.read_text()))


@pytest.mark.parametrize("name", MONITORS)
def test_a_monitor_that_has_just_started_holds_nothing_that_it_has_no_use_for(
    name: str, tmp_path: Path
) -> None:
    if "instance" in name and importlib.util.find_spec("libvirt") is None:
        pytest.skip("libvirt's Python binding is missing")
    modules = imported(name, tmp_path)
    others = {f"masakarimonitors.{one}" for one in MONITORS if one != name}
    assert modules & (FOR_NOBODY | WITHOUT[name] | others) == set()
    # What a report needs is there: its failure may be that of the disk from which it would be read.
    assert {
        "keystoneauth1.session",
        "requests",
        "urllib3",
        "sqlite3",
        "ssl",
        "masakarimonitors.masakari_api",
    } <= modules


@pytest.mark.parametrize("driver", ["consul", "kubernetes"])
def test_a_host_monitor_holds_one_driver_only(driver: str, tmp_path: Path) -> None:
    modules = imported("hostmonitor", tmp_path, driver)
    others = {f"masakarimonitors.hostmonitor.drivers.{one}" for one in DRIVERS - {driver}}
    assert modules & others == set()
