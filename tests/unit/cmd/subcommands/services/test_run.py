"""What `masakari-monitors run` tells a person at its start."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.subcommands.services.run import choose, say
from masakarimonitors.cmd.wiring import WiredMonitor, wire
from masakarimonitors.conf import ConfigFault, loader
from masakarimonitors.core.decision import NOTHING
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import PATIENCE
from tests.unit.cmd.conftest import Configure


async def wired(name: str, watching: Sequence[str], try_this: Sequence[str] = ()) -> WiredMonitor:
    clock = FakeClock()
    monitor = Monitor[None, str](
        name=name,
        state=None,
        decide=lambda state, seen, now: (state, NOTHING),
        sources=(),
        watching=watching,
        try_this=try_this,
    )
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    return wire(monitor, outbox, FakeApi(), DeliveryPolicy(), clock)


async def test_what_is_watched_what_is_not_where_it_all_goes_and_how_to_see_it_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = await wired("processmonitor", ["process x", "process y"], ["pkill x", "pkill y"])
    second = await wired("hostmonitor", ["host compute-2"], ["consul leave"])
    say([first, second], ["instancemonitor: no libvirt"], "[api]", "http://127.0.0.1:1/")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [
        "masakari-monitors is running.",
        "processmonitor",
        "process x",
        "process y",
        "hostmonitor",
        "host compute-2",
        "not running: instancemonitor: no libvirt",
        "reports go to  [api]",
        f"kept on disk   {first.outbox.where}",
        f"kept on disk   {second.outbox.where}",
        "metrics        http://127.0.0.1:1/metrics",
        "To see it work, type in another terminal:",
        "pkill x",
        "Ctrl-C stops it.",
    ]


async def test_of_what_there_is_not_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    say([await wired("processmonitor", [])], [], "[api]", "")
    said = capsys.readouterr().out
    for words in ("metrics", "To see it work", "not running"):
        assert words not in said


# In a process of its own: a module that was imported cannot be taken back.
WITHOUT_BINDING = """\
import json, sys
sys.path.insert(0, sys.argv[1])
from masakarimonitors import conf
from masakarimonitors.cmd.masakari_monitors import parser
from dataclasses import asdict
from masakarimonitors.cmd.subcommands.services.run import choose
arguments, rest = parser().parse_known_args(["check", "--offline", "--config-file", sys.argv[2]])
arguments.run(arguments, rest)
print(json.dumps(asdict(choose(conf.load(["--config-file", sys.argv[2]]), None))))
"""


def test_without_libvirt_s_binding_everything_else_is_watched(tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "libvirt.py").write_text("raise ImportError('no libvirt.so.0')\n")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BINDING, tmp_path / "broken", configure()],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *checked, chosen = done.stdout.splitlines()
    found = json.loads(chosen)
    assert "processmonitor" in found["names"]
    for name in ("instancemonitor", "introspectiveinstancemonitor"):
        why = "libvirt's Python binding cannot be imported (no libvirt.so.0)"
        assert found["left_out"][name].startswith(why) and name not in found["waiting"]
        assert [line for line in checked if line.startswith(f"warning  {name} cannot work here: {why}")]


def test_what_is_not_there_yet_keeps_no_monitor_from_running(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compute host that starts: libvirtd and the cluster engine come later, and nobody starts `run` again for it."""
    monkeypatch.setattr(wiring, "lacking", lambda name: "")
    monkeypatch.setattr(
        wiring, "obstacle", lambda name, conf: "not there yet" if name != "processmonitor" else ""
    )
    loaded = conf.load(["--config-file", str(configure())], default_config_dirs=[])
    chosen = choose(loaded, None)
    assert list(chosen.names) == list(wiring.MONITORS) and not chosen.left_out
    assert set(chosen.waiting) == set(wiring.MONITORS) - {"processmonitor"}


async def test_what_a_monitor_waits_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    say([await wired("hostmonitor", [])], [], "[api]", "", waiting={"hostmonitor": "no cluster engine"})
    assert "sees nothing yet, and waits: no cluster engine" in capsys.readouterr().out


def test_a_driver_that_is_none_ends_it_instead_of_being_left_out(configure: Configure) -> None:
    """A slip in a file is no matter of the host: left out for life, nobody would watch hosts."""
    conf = loader.load(
        ["--config-file", str(configure("[host]\nmonitoring_driver = consull\n"))], default_config_dirs=[]
    )
    with pytest.raises(ConfigFault, match="monitoring_driver = consull: there is no such driver"):
        choose(conf, None)


def test_shadows_are_of_those_that_can_have_one(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "lacking", lambda name: "")
    monkeypatch.setattr(wiring, "obstacle", lambda name, conf: "")
    loaded = conf.load(
        ["--config-file", str(configure("[DEFAULT]\nshadow = true\n"))], default_config_dirs=[]
    )
    chosen = choose(loaded, None)
    assert "introspectiveinstancemonitor" not in chosen.names and len(chosen.names) == 3
    assert "there is no shadow" in chosen.left_out["introspectiveinstancemonitor"]
