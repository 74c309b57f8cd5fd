"""`masakari-monitors demo`: breaks a real process and shows the whole path with its milliseconds.

Everything is real and private: a folder, a process, the process monitor, the outbox on disk, and the
embedded receiver.
"""

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import stat
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oslo_config import cfg
from rich.console import Console
from rich.live import Live
from rich.table import Table

from masakarimonitors.cmd import runner
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.subcommands.services.run import say
from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.core.decision import Instant, Ruling, Verdict
from masakarimonitors.core.printable import printable
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock

_CONF = """\
[DEFAULT]
state_path = {folder}/state
use_stderr = false
log_file = {folder}/demo.log
[api]
auth_type = none
[process]
process_list_path = {folder}/process_list.yaml
restart_retries = 1
restart_interval = 1
restart_grace = 0
own_pid_namespace = true
"""

_LIST = """\
- process_name: {folder}/demo-service
  start_command: {folder}/start
  restart_command: {folder}/restart
  run_as_root: false
"""

_SERVICE = """\
#!/bin/sh
echo $$ > {folder}/pid
while :; do sleep 1; done
"""

_START = """\
#!/bin/sh
setsid {folder}/demo-service < /dev/null > /dev/null 2>&1 &
"""

# Fails on purpose: only a process that cannot be restarted is reported.
_RESTART = """\
#!/bin/sh
echo "this restart fails on purpose"
exit 1
"""

_MONITOR = "processmonitor"

# The whole path takes a little over a second of restart tries; a computer under load gets much more.
_PATIENCE = 60.0


class _Console(Console):
    """Without an opinion of its own of how a program ends whose reader has gone."""

    def on_broken_pipe(self) -> None:
        """Raises it."""
        raise BrokenPipeError(errno.EPIPE, "whoever read this has gone")


@dataclass
class _Path:
    """The steps of the path and when each was first seen (seconds of the monotonic clock)."""

    steps: dict[str, tuple[float, str]] = field(default_factory=dict)
    killed: float = 0.0
    is_watched: bool = False
    """Whether the monitor has seen the process run."""

    def kill(self, pid: int) -> None:
        self.killed = time.monotonic()
        self.reached("killed", f"kill -9 {pid}")
        os.kill(pid, signal.SIGKILL)

    def reached(self, step: str, what: str) -> None:
        self.steps.setdefault(step, (time.monotonic(), what))

    def on_written(self, subject: str) -> None:
        """A report has reached the disk."""
        self.reached("notification on disk", f"in {_MONITOR}.sqlite")

    def on_verdict(self, verdict: Verdict, at: Instant) -> None:
        """The monitor has ruled."""
        if not self.killed:
            self.is_watched = self.is_watched or verdict.ruling is not Ruling.ACTED
            return
        why = Path(verdict.why).name
        self.reached("failure seen", why)
        if verdict.ruling is Ruling.ACTED:
            self.reached("restart tried", why)

    def table(self) -> Table:
        table = Table("step", "after", "what was seen", title="from a dead process to a delivered report")
        for step in ("killed", "failure seen", "restart tried", "notification on disk", "delivered"):
            at, what = self.steps.get(step, (None, "..."))
            table.add_row(step, "" if at is None else f"{(at - self.killed) * 1000:9.1f} ms", what)
        return table


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "demo",
        help="break a real process and watch its report arrive at the embedded receiver",
        description=f"Needs no cloud, no configuration and no root. {codes('demo')}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Play the demonstration."""
    with tempfile.TemporaryDirectory(prefix="mm-demo-") as name:
        folder = Path(name)
        _write(folder)
        conf = runner.load(["--config-file", str(folder / "demo.conf"), *rest], "masakari-monitors")
        try:
            return asyncio.run(_play(conf, folder))
        finally:
            _end(folder)


def _write(folder: Path) -> None:
    files = {
        "demo.conf": _CONF,
        "process_list.yaml": _LIST,
        "demo-service": _SERVICE,
        "start": _START,
        "restart": _RESTART,
    }
    for name, text in files.items():
        path = folder / name
        path.write_text(text.format(folder=folder))
        if text.startswith("#!"):
            path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _end(folder: Path) -> None:
    """The process of the demonstration ends with it."""
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


async def _play(conf: cfg.ConfigOpts, folder: Path) -> Exit:
    console = _Console()
    stop = asyncio.Event()
    path = _Path()
    runner.stop_on_signals(stop)
    receiver = Receiver(":memory:", SystemClock(), finishes=True)
    monitors: list[WiredMonitor] = []

    def started(running: Sequence[WiredMonitor], page: str) -> None:
        monitors.extend(running)
        where = f"{url}/ (the embedded receiver: it shows reports, it recovers nothing)"
        say(running, [], where, page)

    with contextlib.ExitStack() as stack:
        async with receiver.serve() as url, asyncio.TaskGroup() as tasks:
            stack.enter_context(
                receiver.subscribed(lambda row: path.reached("delivered", f"receiver row {row.id}"))
            )
            serving = tasks.create_task(
                runner.serve(
                    conf,
                    [_MONITOR],
                    stop=stop,
                    endpoint=url,
                    started=started,
                    on_verdict=path.on_verdict,
                    on_written=path.on_written,
                )
            )
            try:
                async with asyncio.timeout(_PATIENCE):
                    await _until(lambda: (folder / "pid").exists() and path.is_watched, stop)
                    if not stop.is_set():
                        pid = int((folder / "pid").read_text())
                        console.print(f"  The demonstration's own process is {pid}. Killing it (SIGKILL).\n")
                        # Drawn between the steps only, so that drawing does not slow the path that it shows.
                        with Live(path.table(), console=console, auto_refresh=False) as live:
                            path.kill(pid)
                            while "delivered" not in path.steps and not stop.is_set():
                                await _next_step(path, stop)
                                live.update(path.table(), refresh=True)
            except TimeoutError:
                console.print(
                    f"[red]The report did not arrive within {_PATIENCE:.0f} s; see {folder}/demo.log[/red]"
                )
            stop.set()
            await serving
    arrived = "delivered" in path.steps
    if arrived:
        console.print("\n  The report has arrived. On a real cloud masakari-api would act on it now.")
        console.print("  Every verdict with its reason:")
        for one in monitors[0].status.record.verdicts:
            console.print(
                f"    {one.verdict.ruling.value:<10} {printable(one.verdict.why)}",
                markup=False,
                highlight=False,
            )
    return Exit.FINE if arrived else Exit.AMISS


async def _next_step(path: _Path, stop: asyncio.Event) -> None:
    known = len(path.steps)
    await _until(lambda: len(path.steps) > known, stop)
    await asyncio.sleep(0.05)


async def _until(condition: Any, stop: asyncio.Event) -> None:
    while not condition() and not stop.is_set():  # noqa: ASYNC110 - a file that another process writes
        await asyncio.sleep(0.02)
