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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.system.service import held_back
from tests.fixtures.fake_keystone import FakeKeystone
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import Sections, write_conf
from tests.fixtures.waiting import PATIENCE

PROGRAM = """
from masakarimonitors.system.service import held_back
held_back.hold_back()
import asyncio, json, os, sys
from masakarimonitors.cmd import monitors

def started(running, page):
    with open(answer, "w") as file:
        json.dump([name for name in list(sys.modules) if held_back.is_loaded(name)], file)
    os._exit(0)

def run(main, run=asyncio.run):
    sys.modules["masakarimonitors.cmd.runner"]._say_started = started
    return run(main)

asyncio.run = run
answer, name = sys.argv.pop(1), sys.argv.pop(1)
getattr(monitors, name)()
"""
"""A console script whose monitor says what is imported once all of it is wired, and ends."""

REPORTER = """
from masakarimonitors.system.service import held_back
held_back.hold_back()
import asyncio, json, sys
from masakarimonitors.cmd import monitors

def loaded():
    return {name for name in list(sys.modules) if held_back.is_loaded(name)}

async def report(api):
    body = json.dumps({"notification": {"hostname": "compute-1", "type": "PROCESS", "payload": {}}})
    before = loaded()
    outcomes = [str(await api.send(body)) for _ in range(2)]
    return outcomes, sorted(loaded() - before)

def run(main, run=asyncio.run):
    main.close()
    from masakarimonitors.cmd import runner, wiring
    outcomes, late = run(report(wiring.api_client(runner.load(sys.argv[1:], "masakari-processmonitor"))))
    with open(answer, "w") as file:
        json.dump([outcomes, late, sorted(loaded())], file)

asyncio.run = run
answer = sys.argv.pop(1)
monitors.processmonitor()
"""
"""A console script that delivers two reports instead, and says what was imported meanwhile."""

PRIVILEGED = """
from masakarimonitors.system.service import held_back
held_back.hold_back()
import json, sys
from masakarimonitors import privsep
with open(sys.argv[1], "w") as file:
    json.dump(held_back.is_loaded("uuid"), file)
"""
"""A program that has everything it needs to have a command run as root."""

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
    # the metrics', which are off unless they are wanted
    "masakarimonitors.status.web",
    "masakarimonitors.status.metrics",
    # the terminal's and the receiver's
    "masakarimonitors.receiver",
    "rich",
    # for checks of a guest's output alone
    "regex",
    # for what our own client of keystone leaves to them
    "keystoneauth1",
    "requests",
    "urllib3",
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
WITH = {"hostmonitor": {"importlib.metadata"}, "processmonitor": {"ctypes"}}
"""What one has a use for all the same: drivers of others are looked for; commands are started by the C library."""
OLDER = {"debtcollector", "importlib.metadata"}
"""What older releases of oslo's libraries need to be imported: they mark with debtcollector what is deprecated."""

API = {
    "auth_type": "password",
    "auth_url": "http://127.0.0.1:9/v3",
    "username": "masakari",
    "password": "secret",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


@pytest.fixture
def cloud() -> Iterator[str]:
    """Where a keystone listens that knows of a masakari-api, which takes everything."""
    with FakeKeystone() as keystone, FakeMasakari() as masakari:
        keystone.show_masakari(masakari.endpoint())
        yield keystone.url


def answer_of(program: str, folder: Path, *arguments: str) -> Any:
    """What a program writes into the file that its first argument names."""
    answer = folder / "answer"
    done = subprocess.run(
        [sys.executable, "-c", program, str(answer), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(answer.read_text())


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
    return set(answer_of(PROGRAM, folder, name, "--config-file", str(file)))


@pytest.mark.parametrize("name", MONITORS)
def test_a_monitor_that_has_just_started_holds_nothing_that_it_has_no_use_for(
    name: str, tmp_path: Path
) -> None:
    if "instance" in name and importlib.util.find_spec("libvirt") is None:
        pytest.skip("libvirt's Python binding is missing")
    modules = imported(name, tmp_path)
    others = {f"masakarimonitors.{one}" for one in MONITORS if one != name}
    needed = WITH.get(name, set()) | (OLDER if "debtcollector" in modules else set())
    # A command needs it, and what is to be restarted may have died of the disk from which it would be read.
    assert name != "processmonitor" or "ctypes" in modules
    assert modules & (FOR_NOBODY | WITHOUT[name] | others) - needed == set()
    # What a report needs is there: its failure may be that of the disk from which it would be read.
    assert {"http.client", "sqlite3", "ssl", "masakarimonitors.system.network.keystone"} <= modules


@pytest.mark.parametrize("driver", ["consul", "kubernetes"])
def test_a_host_monitor_holds_one_driver_only(driver: str, tmp_path: Path) -> None:
    modules = imported("hostmonitor", tmp_path, driver)
    others = {f"masakarimonitors.hostmonitor.drivers.{one}" for one in DRIVERS - {driver}}
    assert modules & others == set()


@pytest.mark.parametrize("options", [{}, {"split_loggers": "true"}], ids=["ours", "keystoneauth1's"])
def test_a_report_needs_nothing_that_is_not_imported_at_the_start(
    options: dict[str, str], cloud: str, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    api = {**API, "auth_url": f"{cloud}/v3", **options}
    default = {"hostname": "compute-1", "state_path": tmp_path / "state"}
    file = write_conf(tmp_path / "conf", {"DEFAULT": default, "api": api})
    outcomes, late, modules = answer_of(REPORTER, tmp_path, "--config-file", str(file))
    assert [outcome.partition("(")[0] for outcome in outcomes] == ["Delivered", "Delivered"]
    assert late == []
    # Some plugins of keystoneauth1 give each request a name.
    assert not options or "uuid" in modules


def test_what_names_requests_to_the_privileged_helper_is_there_with_it(tmp_path: Path) -> None:
    assert answer_of(PRIVILEGED, tmp_path) is True
