"""SIGUSR2: what this process is doing, written to the log line by line, with no secret in it.

Threads and tasks, each with where it stands; of each monitor its sources, its subjects and its outbox; then the options
in force. For whoever asks why nothing happens.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType

from oslo_config import cfg

from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.core.printable import masked
from masakarimonitors.status.model import MonitorStatus, SubjectRow
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.service import log_writer
from masakarimonitors.version import VERSION

LOG = logging.getLogger(__name__)

_FRAMES = 4
_TASKS = 300
_SUBJECTS = 200
"""Of each so many at most, those that need a human first: the log keeps some thousand lines."""


def write(conf: cfg.ConfigOpts, running: Sequence[WiredMonitor], clock: Clock) -> None:
    """Write it to the log; on the loop's thread."""
    for line in lines(conf, running, clock):
        LOG.info("%s", line)


def lines(conf: cfg.ConfigOpts, running: Sequence[WiredMonitor], clock: Clock) -> Iterator[str]:
    """The whole report."""
    yield f"SIGUSR2: report of process {os.getpid()}, masakari-monitors {VERSION}, Python {sys.version.split()[0]}"
    yield f"lines of the log that were lost: {log_writer.lost_lines()}"
    yield from _threads()
    yield from _tasks()
    for one in running:
        yield from _monitor(one.name, one.status, clock)
    yield "options in force:"
    yield from options_in_force(conf)
    yield "end of the report"


def _threads() -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    yield f"threads: {len(frames)}"
    for ident, frame in frames.items():
        yield f"  {names.get(ident, 'not one of Python')}: {_place(frame)}"


def _tasks() -> Iterator[str]:
    tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    yield f"tasks: {len(tasks)}"
    for task in tasks[:_TASKS]:
        what = getattr(task.get_coro(), "__qualname__", "")
        where = [f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in task.get_stack(limit=1)]
        yield f"  {task.get_name()}: {what} at {', '.join(where) or 'nowhere'}"
    yield from _more(len(tasks), _TASKS)


def _place(frame: FrameType | None) -> str:
    """Where it stands and who has called it, without a look at the source files: they lie on a disk."""
    places: list[str] = []
    while frame is not None and len(places) < _FRAMES:
        places.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(places)


def _more(count: int, shown: int) -> Iterator[str]:
    if count > shown:
        yield f"  and {count - shown} more"


def _monitor(name: str, status: MonitorStatus, clock: Clock) -> Iterator[str]:
    record, outbox = status.record, status.outbox()
    yield f"{name}: up for {clock.now().monotonic - record.started.monotonic:.0f} s"
    judged = status.health(clock.now())
    yield from (f"  {cause.line()}" for cause in judged.causes)
    yield from (f"  view {one.view.name}: {one.view.sight.value}; {one.view.why}" for one in judged.views)
    for source in record.sources.values():
        fault = f"; last fault: {source.seen}" if source.seen else ""
        yield f"  source {source.name}: {source.state}, {source.failures} failures{fault}"
    rows = sorted(status.subjects(), key=lambda row: not row.alarm)
    yield f"  subjects: {len(rows)}, of which {sum(row.alarm for row in rows)} need a human"
    yield from (_subject(row) for row in rows[:_SUBJECTS])
    yield from _more(len(rows), _SUBJECTS)
    settled = ", ".join(f"{count} {became}" for became, count in outbox.counts.items())
    yield f"  outbox {outbox.where}: {outbox.pending} pending, {settled or 'none settled'}"
    for what, words in (("disk", outbox.disk_fault), ("api", outbox.api_trouble)):
        if words:
            yield f"  {what}: {words}"
    yield from (f"  waits: {one.subject}: {one.why}" for one in outbox.waiting[:_SUBJECTS])
    yield from (f"  fault at {at.wall.isoformat()}: {text}" for at, text in record.faults)


def _subject(row: SubjectRow) -> str:
    alarm, detail = "ALARM " if row.alarm else "", f"; {row.detail}" if row.detail else ""
    return f"    {alarm}{row.subject}: {row.state}{detail}"


class _Lines(logging.Logger):
    """Takes what oslo.config says of its options, which knows which of them are secret."""

    def __init__(self) -> None:
        super().__init__("options", logging.DEBUG)
        self.found: list[str] = []

    def log(self, level: int, msg: object, *args: object, **more: object) -> None:
        """Keep the line."""
        self.found.append(str(msg) % args if args else str(msg))


def options_in_force(conf: cfg.ConfigOpts) -> Iterable[str]:
    """Every option with its value, a line each; of secret ones, and of logins in addresses, only that they are set."""
    taken = _Lines()
    conf.log_opt_values(taken, logging.DEBUG)
    # An address may hold a login, in whichever option it stands.
    return [f"  {masked(line)}" for line in taken.found if set(line.strip()) - {"*", "="}]
