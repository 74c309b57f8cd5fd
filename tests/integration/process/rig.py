"""Real processes to watch, and the real process monitor to watch them.

`Zoo` makes programs in a folder of their own (so that no other process of the host is ever meant)
and runs them; all of them end with the test. `Eyesight` is the source alone; `Watching` is the whole
monitor, with its outbox on disk and the embedded receiver.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from masakarimonitors.cmd import runner
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import loader
from masakarimonitors.core.decision import Verdict
from masakarimonitors.processmonitor.core.observation import (
    Entry,
    Observation,
    Presence,
    SeenRunning,
    Sighting,
)
from masakarimonitors.processmonitor.sources.processes import Processes
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.receiver.store import Accepted
from masakarimonitors.system.clock import SystemClock
from tests.fixtures import lifeline
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import PATIENCE, eventually


def pid_in(path: Path) -> int:
    """The pid that a program wrote, 0 while it has not."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0


class Zoo:
    """Programs and processes of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def binary(self, name: str, program: str = "sleep") -> Path:
        """A binary program of this name: a copy of sleep, or of another."""
        path = self.folder / name
        found = shutil.which(program)
        assert found is not None
        shutil.copy(found, path)
        return path

    def script(self, name: str, text: str = "", interpreter: str = "") -> Path:
        """A script of this name; without a text, a Python one that waits for ever."""
        path = self.folder / name
        waits = "import time\nwhile True: time.sleep(60)\n"
        path.write_text(f"#!{interpreter or sys.executable}\n{textwrap.dedent(text) or waits}")
        path.chmod(0o755)
        return path

    def run(self, *argv: str | Path, **options: object) -> subprocess.Popen[bytes]:
        """Start it, tied to the life of the test."""
        process = lifeline.spawn([str(word) for word in argv], **options)  # type: ignore[arg-type]
        self._processes.append(process)
        return process

    def run_as(self, argv0: str, program: str | Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program that calls itself something else from its first moment on."""
        return self.run(argv0, *arguments, executable=program)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def close(self) -> None:
        """End them all, and what commands have started in the folder."""
        for process in self._processes:
            lifeline.end(process, grace=0.0)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if os.fsencode(self.folder) in (entry / "cmdline").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)


class Eyesight:
    """The source that sees processes, at work."""

    def __init__(self, check_interval: float = 3600.0) -> None:
        """Scans every `check_interval` seconds; by default the tests ask for every look themselves."""
        self.source = Processes(SystemClock(), check_interval)
        self.told: list[Sighting] = []
        self._news = asyncio.Event()

    def _emit(self, observation: Observation) -> None:
        if isinstance(observation, SeenRunning):  # for the next life
            return
        assert isinstance(observation, Sighting)
        self.told.append(observation)
        self._news.set()

    @contextlib.asynccontextmanager
    async def at_work(self, *process_names: str) -> AsyncIterator["Eyesight"]:
        task = asyncio.get_running_loop().create_task(self.source.run(self._emit))
        self.source.watch([Entry(process_name=name) for name in process_names])
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def sees(self, process_name: str) -> bool:
        """A fresh look; another one where a process of this host, whichever, is in the middle of an exec for long."""
        async with asyncio.timeout(PATIENCE):
            seen = await self.source.look(process_name, 1)
            while seen.presence is Presence.UNKNOWN and "in the middle of an exec" in seen.evidence:
                seen = await self.source.look(process_name, 1)
        assert seen.presence is not Presence.UNKNOWN, seen
        return seen.presence is Presence.RUNNING

    @property
    def told_for_sure(self) -> Sequence[Presence]:
        """The presences that it told one after another, but for what was unknown in the middle of an exec."""
        sure = [told.presence for told in self.told if "in the middle of an exec" not in told.evidence]
        return [one for one, _several in itertools.groupby(sure)]

    async def comes_to_see(self, process_name: str) -> None:
        """Look until it is there (a program that was just started needs a moment to become itself)."""
        async with asyncio.timeout(PATIENCE):
            while not await self.sees(process_name):  # noqa: ASYNC110 - a look is what is tested
                await asyncio.sleep(0.02)

    async def comes_to_miss(self, process_name: str) -> None:
        """Look until it is gone."""
        async with asyncio.timeout(PATIENCE):
            while await self.sees(process_name):  # noqa: ASYNC110 - a look is what is tested
                await asyncio.sleep(0.02)

    async def is_told(self, presence: Presence, process_name: str) -> Sighting:
        """Wait until the source says so by itself; what it said before does not count."""
        self.told.clear()
        async with asyncio.timeout(PATIENCE):
            while True:
                for told in self.told:
                    if told.presence is presence and told.process_name == process_name:
                        return told
                self._news.clear()
                await self._news.wait()


class Watching:
    """The whole monitor at work in this process, its reports going to the embedded receiver."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = MonitorProcess("processmonitor", folder, arguments=["--log-file", str(folder / "log")])
        """The console script on the same configuration, for who wants the monitor as a process of its own."""
        self.list_path = folder / "process_list.yaml"
        self.verdicts: list[Verdict] = []
        self.accepted: list[Accepted] = []
        self.running: WiredMonitor | None = None
        self.url = ""

    def list(self, *entries: Mapping[str, object]) -> None:
        """Write the process list, as an editor does."""
        new = self.list_path.with_suffix(".new")
        new.write_text(yaml.safe_dump([dict(entry) for entry in entries]))
        new.rename(self.list_path)

    def configure(self, **process: object) -> Path:
        """Write the configuration; `process` are options of [process]."""
        options = {
            "restart_interval": 1,
            "restart_retries": 1,
            "restart_grace": 0,
            "start_patience": 60,
            "check_interval": 1,
            "own_pid_namespace": True,
            **process,
        }
        self.process.configure(
            {
                # A monitor in this process must not write into the test's own output.
                "DEFAULT": {"hostname": "node1", "use_stderr": "false"},
                "api": {"auth_type": "none", "endpoint": self.url},
                "process": {"process_list_path": self.list_path, **options},
            }
        )
        self.process.state.mkdir(exist_ok=True)
        return self.process.conf

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator["Watching"]:
        """The receiver only."""
        receiver = Receiver(":memory:", SystemClock())
        async with receiver.serve() as self.url:
            with receiver.subscribed(self.accepted.append):
                yield self

    @contextlib.asynccontextmanager
    async def at_work(self, **process: object) -> AsyncIterator["Watching"]:
        """The receiver and the monitor."""
        stop, up = asyncio.Event(), asyncio.Event()

        def started(running: Sequence[WiredMonitor], page: str) -> None:
            (self.running,) = running
            up.set()

        async with self.receiving():
            conf = loader.load(["--config-file", str(self.configure(**process))])
            serving = asyncio.get_running_loop().create_task(
                runner.serve(
                    conf,
                    ["processmonitor"],
                    stop=stop,
                    endpoint=self.url,
                    started=started,
                    on_verdict=lambda verdict, at: self.verdicts.append(verdict),
                )
            )
            try:
                async with asyncio.timeout(PATIENCE):
                    await up.wait()
                yield self
            finally:
                stop.set()
                await serving

    def state_of(self, process_name: str) -> str:
        """What the status shows for it."""
        assert self.running is not None
        rows = {row.subject: row.state for row in self.running.status.subjects()}
        return rows.get(f"process:{process_name}", "")

    async def runs(self, *process_names: str | Path) -> None:
        """Wait until the monitor knows that they run."""
        for name in process_names:
            await eventually(lambda name=name: self.state_of(str(name)) == "running", f"{name} running")  # type: ignore[misc]

    async def reported(self, count: int) -> Sequence[Accepted]:
        """Wait for so many reports to have arrived."""
        await eventually(lambda: len(self.accepted) >= count, f"{count} reports, {self.verdicts}")
        return self.accepted

    def rulings(self, process_name: str | Path) -> Sequence[str]:
        """What was ruled about it so far."""
        return [v.ruling.value for v in self.verdicts if v.subject == f"process:{process_name}"]


@contextlib.contextmanager
def zoo(folder: Path) -> Iterator[Zoo]:
    """A zoo that is empty again in the end."""
    animals = Zoo(folder)
    try:
        yield animals
    finally:
        animals.close()
