"""The instance monitor as it is wired: what a configuration makes of it, and where it cannot work.

Each in a process of its own with a made-up binding, for a module that was imported cannot be taken back.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.notification import (
    HostEvent,
    ProcessNotification,
    ReportStatus,
    Settled,
    VmNotification,
)
from masakarimonitors.instancemonitor.core.observation import LibvirtAway, LibvirtBack, ReportSettled
from masakarimonitors.instancemonitor.monitor import settled, views
from masakarimonitors.status.health import Sight, View
from tests.fixtures.instance_play import INSTANCE, URI, Play, running
from tests.fixtures.waiting import PATIENCE

# As much of libvirt's binding as a start needs: nobody listens anywhere, and of nonsense nothing can be made.
BINDING = """\
import time

VIR_ERR_NO_CONNECT = 5

class libvirtError(Exception):
    def get_error_code(self):
        return self.args[1]

    def get_int1(self):
        return 0

def __getattr__(name):
    if not name.startswith("VIR_"):
        raise AttributeError(name)
    return f"the constant {name}"

def registerErrorHandler(handler, opaque):
    pass

def virEventRegisterDefaultImpl():
    pass

def virEventRunDefaultImpl():
    time.sleep(3600)

def openAuth(uri, credentials, flags):
    raise libvirtError("nobody listens", VIR_ERR_NO_CONNECT if uri.startswith("nonsense") else 38)
"""
OPTIONS = "changed options"
SCRIPT = """\
import json, sys
from masakarimonitors import conf
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.unconfirmed import Unconfirmed
from masakarimonitors.instancemonitor import monitor
from masakarimonitors.instancemonitor.core.observation import Census
from masakarimonitors.system.clock import SystemClock

clock, several = SystemClock(), []

class Libvirt(monitor.Libvirt):
    def __init__(self, *args, **options):
        several.append(options["several"])
        super().__init__(*args, **options)

monitor.Libvirt = Libvirt
loaded = conf.load(["--config-file", sys.argv[1]], default_config_dirs=[])
said = {}
try:
    said["obstacle"] = monitor.cannot_work(loaded)
except conf.ConfigFault as fault:
    said["obstacle"] = f"FAULT {fault}"
try:
    built = monitor.build(loaded, {}, clock, None)  # it reads nothing of masakari
except conf.ConfigFault as fault:
    said["fault"] = str(fault)
else:
    said["watching"], said["several"] = list(built.watching), several
    said["sources"] = [source.name for source in built.sources]
    said["taken"] = list(built.take_options(loaded))
    state, said["words"], now = built.state, [], clock.now()
    died = VmNotification(
        "c", now.wall, event="LIFECYCLE", instance_uuid="i", vir_domain_event="STOPPED_FAILED"
    )
    for uri in ["", *loaded.libvirt.connection_uri.split(",")]:
        if uri:
            state, _ = built.decide(state, Census(uri, (), 0), clock.now())
        word = built.judge_unconfirmed(state, Unconfirmed("vm:i", died), now)
        said["words"].append([word.say.value, word.why])
print(json.dumps(said))
"""


def start(tmp_path: Path, *lines: str, binding: str = BINDING) -> dict[str, Any]:
    """What a start with these lines of [libvirt] says."""
    (tmp_path / "libvirt.py").write_text(binding)
    (tmp_path / "libvirt_qemu.py").write_text("")
    file = tmp_path / "monitors.conf"
    file.write_text("[libvirt]\n" + "".join(f"{line}\n" for line in lines))
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize(
    ("lines", "sources"),
    [
        (("connection_uri = qemu:///system",), ["qemu:///system", "qemu processes", OPTIONS]),
        (("connection_uri = qemu:///system", "watch_processes = false"), ["qemu:///system", OPTIONS]),
        (("connection_uri = qemu+tcp://192.0.2.1/system",), ["qemu+tcp://192.0.2.1/system", OPTIONS]),
    ],
)
def test_processes_are_watched_where_they_can_be_seen_and_are_wanted(
    tmp_path: Path, lines: tuple[str, ...], sources: list[str]
) -> None:
    said = start(tmp_path, *lines)
    assert said["sources"] == sources
    assert "[libvirt] report" in said["taken"], "it needs no restart"


def test_a_death_of_the_last_life_is_judged_once_every_libvirt_has_listed_its_instances(
    tmp_path: Path,
) -> None:
    said = start(tmp_path, "connection_uri = qemu+tcp://192.0.2.1/system,qemu+tcp://192.0.2.2/system")
    assert said["watching"] == [
        "the instances of qemu+tcp://192.0.2.1/system",
        "the instances of qemu+tcp://192.0.2.2/system",
    ]
    assert said["words"] == [
        ["wait", "libvirt qemu+tcp://192.0.2.1/system has not been read yet"],
        ["wait", "libvirt qemu+tcp://192.0.2.2/system has not been read yet"],
        ["withdraw", "no configured libvirt knows the instance ([libvirt] connection_uri)"],
    ]
    assert said["obstacle"] == ""
    assert said["several"] == [True, True]


def test_the_libvirt_of_the_only_uri_is_told_that_there_is_no_other(tmp_path: Path) -> None:
    assert start(tmp_path, "connection_uri = qemu:///system")["several"] == [False]


def test_a_uri_that_is_none_is_a_fault_with_its_place(tmp_path: Path) -> None:
    said = start(tmp_path, "connection_uri = system")
    place = f"[libvirt] connection_uri = system ({tmp_path}/monitors.conf, line 2): "
    assert said["fault"].startswith(place) and "no connection URI" in said["fault"]
    assert said["obstacle"].startswith(f"FAULT {place}")


def test_a_uri_of_which_libvirt_can_make_nothing_is_a_fault_with_its_place(tmp_path: Path) -> None:
    said = start(tmp_path, "connection_uri = nonsense:///system")
    assert said["fault"].startswith("[libvirt] connection_uri = nonsense:///system (")
    assert "nobody listens" in said["fault"]


def test_without_the_binding_it_cannot_work_and_says_what_to_install(tmp_path: Path) -> None:
    said = start(tmp_path, binding="raise ImportError('no libvirt.so.0')")
    assert "no libvirt.so.0" in said["obstacle"] and "python3-libvirt" in said["obstacle"]
    assert said["fault"] == said["obstacle"]


def test_a_libvirt_is_seen_once_its_instances_were_listed_and_while_it_is_heard() -> None:
    play = Play()

    def sight() -> View:
        (view,) = views([URI], play.state, play.now)
        return view

    assert sight().sight is Sight.UNKNOWN
    play.see(LibvirtAway(URI, "no such socket"))
    assert sight() == View(f"libvirt:{URI}", Sight.BLIND, "no such socket")
    play.see(LibvirtBack(URI))
    assert sight().sight is Sight.UNKNOWN, "it is heard, and nothing was listed"
    play.census(running())
    assert sight().sight is Sight.PROVEN
    play.see(LibvirtAway(URI, "no answer within 30 s (events still come; what no event tells is not seen)"))
    assert sight().sight is Sight.BLIND


def test_the_end_of_a_death_s_report_is_told_by_the_time_at_which_it_was_made() -> None:
    play = Play()
    made = play.now.wall
    play.wait(60)

    def ended(detail: str, **when: object) -> object:
        told = VmNotification(
            "compute-1",
            play.now.wall,
            event="LIFECYCLE",
            instance_uuid=INSTANCE.uuid,
            vir_domain_event=detail,
        )
        report = Settled(told.subject, told, ReportStatus.REFUSED, answer="409", **when)  # type: ignore[arg-type]
        return settled(report, play.now)

    refused = ReportSettled(INSTANCE.uuid, made, ReportStatus.REFUSED, "409")
    assert ended("STOPPED_FAILED", made_at=made) == refused
    assert ended("STOPPED_FAILED") == ReportSettled(INSTANCE.uuid, play.now.wall, ReportStatus.REFUSED, "409")
    assert ended("SUSPENDED_PAUSED") is None
    process = ProcessNotification("compute-1", made, HostEvent.STOPPED, "nova-compute")
    assert settled(Settled(process.subject, process, ReportStatus.REFUSED), play.now) is None
