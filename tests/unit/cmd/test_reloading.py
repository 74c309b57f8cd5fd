"""SIGHUP: the levels of the log are taken over; a broken configuration changes nothing and is named in one line."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from masakarimonitors.cmd.reloading import Reloading
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import ConfigFault, loader
from masakarimonitors.monitor import InputFile
from masakarimonitors.status.model import Record
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import PATIENCE, eventually

CONF = "[DEFAULT]\nhostname = compute-1\nlog_file = {folder}/log\n"


class Reloaded:
    """A configuration that is changed and read again; with the levels of the log put back afterwards."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "conf"
        self.text = CONF.format(folder=folder)
        self.write("")
        self.argv = ["--config-file", str(self.file)]
        self.conf = loader.load(self.argv, default_config_dirs=[])

    def write(self, more: str) -> None:
        self.file.write_text(self.text + more)

    async def hang_up(
        self, caplog: pytest.LogCaptureFixture, running: Sequence[WiredMonitor] = ()
    ) -> list[str]:
        """What is logged as an error or a warning until all is read."""
        caplog.clear()
        ended = asyncio.Event()

        def again() -> cfg.ConfigOpts:
            try:
                return loader.load(self.argv, default_config_dirs=[])
            finally:
                loop.call_soon_threadsafe(ended.set)

        loop = asyncio.get_running_loop()
        reloading = Reloading(self.conf, again, running)
        task = loop.create_task(reloading.run())
        reloading.ask()
        await ended.wait()
        await eventually(lambda: reloading.idle, "the end of it")
        task.cancel()
        await asyncio.wait({task})
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def reloaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Reloaded:
    names = ("", "amqp", "masakarimonitors.somewhere", "keystoneauth")
    for name in names:
        caplog.set_level(logging.getLogger(name).level, name)  # put back at the end
    return Reloaded(tmp_path)


async def test_the_levels_of_the_log_are_taken_over(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture
) -> None:
    reloaded.write("debug = true\ndefault_log_levels = masakarimonitors.somewhere=ERROR\n")
    assert await reloaded.hang_up(caplog) == []
    assert logging.getLogger().level == logging.DEBUG
    assert logging.getLogger("masakarimonitors.somewhere").level == logging.ERROR
    assert logging.getLogger("keystoneauth").level == logging.NOTSET
    reloaded.write("default_log_levels = masakarimonitors.somewhere=5\n")
    assert await reloaded.hang_up(caplog) == []
    assert logging.getLogger("masakarimonitors.somewhere").level == 5
    reloaded.write("")
    await reloaded.hang_up(caplog)
    assert logging.getLogger().level == logging.INFO
    assert logging.getLogger("masakarimonitors.somewhere").level == logging.NOTSET
    assert logging.getLogger("keystoneauth").level == logging.WARNING


async def test_what_needs_a_restart_is_named_without_its_value(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture
) -> None:
    reloaded.write("[process]\nrestart_retries = 7\n[consul]\ntoken = hunter2\n")
    (line,) = await reloaded.hang_up(caplog)
    assert (
        "need a restart" in line
        and "[consul] token, [process] restart_retries" in line
        and "hunter2" not in line
    )


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("debug = true\n[process]\nrestart_retries = many\n[host]\nsettle_time = -1\n", "restart_retries"),
        ("debug = true\nnonsense\n", "is broken"),
        ("debug = true\ndefault_log_levels = amqp=LOUD\n", "LOUD"),
    ],
)
async def test_a_broken_configuration_changes_nothing_and_is_one_line(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture, broken: str, says: str
) -> None:
    before = logging.getLogger().level
    reloaded.write(broken)
    running: Any = [Files(), Files()]
    (line,) = [line for line in await reloaded.hang_up(caplog, running) if "SIGHUP" in line]
    first, second = (one.record.outdated for one in running)
    assert says in first["configuration"] and not second, "a restart would not find what is in force now"
    assert says in line and (says == "LOUD" or str(reloaded.file) in line) and "\n" not in line
    assert logging.getLogger().level == before


class Files:
    """A monitor of which only the files matter."""

    name = "somemonitor"

    def __init__(self, *files: InputFile) -> None:
        self.monitor = self
        self.files = files
        self.takes: set[str] = set()
        self.status = self
        self.record = Record(self.name, FakeClock().now())

    def reload(self) -> None:
        pass

    def take_options(self, fresh: object) -> set[str]:
        return self.takes


async def test_what_a_monitor_takes_over_needs_no_restart(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Files()
    monitor.takes = {"[process] restart_retries", "[host] settle_time"}
    running: Any = [monitor]
    reloaded.write("[process]\nrestart_retries = 7\nrestart_interval = 9\n")
    (line,) = await reloaded.hang_up(caplog, running)
    assert "need a restart: [process] restart_interval" in line and "restart_retries" not in line


async def test_a_file_is_put_in_force_or_waits_for_a_restart_and_a_fault_is_one_line(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture
) -> None:
    said: dict[str, object] = {"live": 1, "wired": 1, "partly": 1, "broken": 1}
    applied: list[object] = []

    def reads(name: str) -> Callable[[], object]:
        def read() -> object:
            says = said[name]
            if isinstance(says, Exception):
                raise says
            return says

        return read

    running: Any = [
        Files(
            InputFile(path="live", read=reads("live"), in_force=1, apply=applied.append),
            InputFile(path="later", read=reads("live"), in_force=1, apply=applied.append, taken="comes soon"),
            InputFile(path="wired", read=reads("wired"), in_force=1),
            InputFile(path="partly", read=reads("partly"), in_force=1, apply=lambda says: "other links"),
            InputFile(path="broken", read=reads("broken"), in_force=1, apply=applied.append),
        )
    ]
    assert await reloaded.hang_up(caplog, running) == [] and applied == []
    said.update(live=2, wired=2, partly=2, broken=ConfigFault("line 1: no\nline 2: neither"))
    lines = await reloaded.hang_up(caplog, running)
    assert applied == [2, 2]
    assert "SIGHUP: live has changed, and what it says now is in force" in caplog.messages
    assert "SIGHUP: later has changed, and what it says now comes soon" in caplog.messages
    assert [line for line in lines if "wired" in line and "needs a restart" in line]
    assert [line for line in lines if "partly" in line and "needs a restart: other links" in line]
    (fault,) = [line for line in lines if "broken" in line]
    assert fault.endswith("stays in force: line 1: no; line 2: neither")
    said.update(broken=RuntimeError("a slip"))
    outdated = running[0].record.outdated
    assert outdated == {"broken": "line 1: no; line 2: neither"}, "what is in force is not what the file says"
    assert any("broken cannot be read again" in line for line in await reloaded.hang_up(caplog, running))
    assert outdated == {"broken": "it cannot be read again: RuntimeError('a slip')"}
    said.update(broken=1)
    await reloaded.hang_up(caplog, running)
    assert not outdated


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
@pytest.mark.parametrize(
    "script",
    [
        "from masakarimonitors.cmd.monitors import processmonitor as main",
        "from masakarimonitors.cmd.masakari_monitors import main; sys.argv.insert(1, 'run')",
    ],
)
def test_a_signal_before_everything_is_imported_does_not_end_the_process(
    tmp_path: Path, number: signal.Signals, script: str
) -> None:
    """The first module that takes time to import stands for all of them: the signal comes in its middle."""
    (tmp_path / "asyncio.py").write_text(
        f"import os, signal, sys\nos.kill(os.getpid(), {int(number)})\nsys.exit('went on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {script}; main()"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ},
    )
    assert (done.returncode, done.stderr.strip()) == (1, "went on")
