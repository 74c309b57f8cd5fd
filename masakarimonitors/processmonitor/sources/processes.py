"""The presence of every listed process, kept up to date.

In: which process_names to watch, looks that the decision asks for. Out: a `Sighting` whenever an
entry's presence changes. Each process found is held by a pidfd, whose firing brings the next scan at
once (its successor may run already); a scan per `check_interval` finds new ones and is the net.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from masakarimonitors.core.decision import Instant
from masakarimonitors.processmonitor.core.matching import Index
from masakarimonitors.processmonitor.core.observation import Observation, Presence, Sighting
from masakarimonitors.processmonitor.sources.procfs import (
    Depth,
    Found,
    Scan,
    Scanner,
    is_same,
    lingers,
    may_run,
    ticks_now,
)
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

_Key = tuple[int, int]

# Reading the command line of a process that hangs in the kernel (dead storage) can hang with it.
_SCAN_PATIENCE = 5.0
# A process first seen at a death may be a fork of the dead one, about to become another program.
_LOOK_AGAIN = 0.3


@dataclass(slots=True, kw_only=True)
class _Watched:
    presence: Presence | None = None
    running: tuple[Found, ...] = ()
    ended: tuple[int, ...] = ()
    # Once a command line has named the entry, processes that only their executable betrays count only if
    # they began after the last named one had gone: a session of a dead server is not the server.
    named: bool = False
    weak_since: int = -1


class Processes:
    """The source. It also knows the commands that we run, so that none is taken for what it is to start."""

    name = "processes"

    def __init__(
        self,
        clock: Clock,
        check_interval: float,
        *,
        scanner: Callable[[Index, frozenset[int]], Scanner] = Scanner,
        patience: float = _SCAN_PATIENCE,
    ) -> None:
        """Nothing is watched until `watch`; `check_interval`, and the `patience` with one scan, in seconds."""
        self._clock = clock
        self._interval = check_interval
        self._own_commands: set[int] = set()
        self._make_scanner = scanner
        self._patience = patience
        self._scanner = scanner(Index(()), frozenset())
        self._entries: dict[str, _Watched] = {}
        self._pidfds: dict[_Key, int] = {}
        self._ended: set[_Key] = set()
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._emit: Callable[[Observation], None] = lambda observation: None
        self._scanned = Scan({}, "no scan has been made yet")
        self._at = clock.now()
        self._due = True
        self._unheld = False

    def watch(self, process_names: Sequence[str]) -> None:
        """Watch exactly these; each one's presence is emitted after the next scan."""
        self._scanner = self._make_scanner(Index(process_names, os.path.realpath), self._scanner.avoid)
        self._entries = {name: self._entries.get(name) or _Watched() for name in process_names}
        self._tell_all_again()

    async def look(self, process_name: str, request_id: int) -> Sighting:
        """The presence of this entry, from a scan that begins after now."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wanted.set()
        await done
        return self._sighting(process_name, request_id)

    def command_started(self, pid: int) -> None:
        """This process, with all of its session and below it, is a command of ours until `command_ended`."""
        self._own_commands.add(pid)

    def command_ended(self, pid: int) -> None:
        """The end of `command_started`."""
        self._own_commands.discard(pid)

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Scan whenever something calls for it, and every `check_interval` seconds."""
        self._emit = emit
        self._tell_all_again()
        self._due = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            await self._look_whenever_wanted()

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(self._interval)
            self._want_fresh()

    def _want_fresh(self) -> None:
        self._due = True
        self._wanted.set()

    async def _look_whenever_wanted(self) -> None:
        # A thread of its own: reading about a process that hangs in the kernel can hang as well.
        thread = Pool("procfs")
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                waiting, self._waiting = self._waiting, []
                scanner, at = self._scanner, self._clock.now()
                # What was asked for is answered in full; a death alone wants to know of successors, fast.
                depth = Depth.FRESH if self._due else Depth.ALL if waiting else Depth.SUCCESSORS
                self._due = False
                try:
                    scan = await thread.call(
                        functools.partial(scanner.scan, self._own_commands, depth), self._patience
                    )
                except TimeoutError:
                    scan = self._stuck(scanner, thread)
                    thread.close()
                    thread = Pool("procfs")
                if scanner.index is not self._scanner.index:  # the list has changed meanwhile
                    self._waiting += waiting
                    self._wanted.set()
                    continue
                self._take(scan, at)
                for done in waiting:
                    if not done.done():
                        done.set_result(None)
        finally:
            thread.close()
            for key in list(self._pidfds):
                self._release(key)

    def _tell_all_again(self) -> None:
        for entry in self._entries.values():
            entry.presence = None
        self._want_fresh()

    def _stuck(self, scanner: Scanner, thread: Pool) -> Scan:
        pid = scanner.reading
        LOG.error(
            "/proc/%d did not answer within %.0f s: that process hangs in the kernel, often on dead storage; the"
            " others are watched without it until it answers",
            pid,
            self._patience,
        )
        if scanner is self._scanner and pid:
            self._scanner = self._make_scanner(scanner.index, scanner.avoid | {pid})
        # The thread that hangs on it is the first to know that it answers again, or has ended.
        loop = asyncio.get_running_loop()

        def answered() -> None:
            loop.call_soon_threadsafe(self._answers_again, pid)

        thread.submit(answered)
        self._wanted.set()
        return Scan({}, f"/proc/{pid} did not answer")

    def _answers_again(self, pid: int) -> None:
        self._scanner = self._make_scanner(self._scanner.index, self._scanner.avoid - {pid})
        self._want_fresh()

    def _take(self, scan: Scan, at: Instant) -> None:
        self._scanned, self._at = scan, at
        soon = False
        held: set[_Key] = set()
        for name, entry in self._entries.items():
            before = entry.running
            entry.running = self._running(entry, scan.found.get(name, ()))
            held |= {(found.pid, found.started) for found in entry.running}
            if before != entry.running:
                now = {found.pid for found in entry.running}
                entry.ended = tuple(found.pid for found in before if found.pid not in now)
                soon |= bool(entry.ended and now)
            sighting = self._sighting(name, 0)
            if sighting.presence is not entry.presence:
                entry.presence = sighting.presence
                self._emit(sighting)
        for key in self._pidfds.keys() - held:
            self._release(key)
        self._ended = {key for key in self._ended if is_same(*key)}
        if soon:
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._want_fresh)

    def _running(self, entry: _Watched, found: Sequence[Found]) -> tuple[Found, ...]:
        present = {(one.pid, one.started) for one in found}
        running = [
            one for one in found if one.pid not in self._own_commands and self._hold((one.pid, one.started))
        ]
        for one in entry.running:
            key = (one.pid, one.started)
            if key not in present and key in self._pidfds and key not in self._ended:
                hangs = one.pid in self._scanner.avoid
                if hangs or lingers(*key):
                    running.append(one)
        if any(one.strong for one in running):
            entry.named, entry.weak_since = True, -1
        elif entry.named:
            if entry.weak_since < 0:
                entry.weak_since = ticks_now()
            running = [one for one in running if one.started > entry.weak_since]
        return tuple(running)

    def _sighting(self, name: str, in_reply_to: int) -> Sighting:
        presence, evidence = self._presence(name)
        return Sighting(
            process_name=name, presence=presence, at=self._at, evidence=evidence, in_reply_to=in_reply_to
        )

    def _presence(self, name: str) -> tuple[Presence, str]:
        """By the last scan, and the evidence."""
        entry = self._entries.get(name)
        if entry is None:
            return Presence.UNKNOWN, "it is not watched"
        if entry.running:
            pids = ", ".join(str(found.pid) for found in entry.running[:5])
            more = f" and {len(entry.running) - 5} more" if len(entry.running) > 5 else ""
            return Presence.RUNNING, f"pid {pids}{more}"
        if self._scanned.unread:
            return Presence.UNKNOWN, self._scanned.unread
        for pid in self._scanner.avoid:
            if may_run(pid, name):
                return Presence.UNKNOWN, f"pid {pid} may run it, and does not answer"
        ended = f"pid {', '.join(map(str, entry.ended[:5]))} ended" if entry.ended else "no process runs it"
        return Presence.GONE, ended

    def _hold(self, key: _Key) -> bool:
        """Hold a pidfd of this very process; False when it has ended."""
        if key in self._ended:
            return False
        if key in self._pidfds:
            return True
        try:
            pidfd = os.pidfd_open(key[0])
        except ProcessLookupError:
            self._wanted.set()
            return False
        except OSError as error:
            if not self._unheld:
                self._unheld = True
                LOG.warning(
                    "Cannot hold pid %d (%s): it is only looked at every %g s", key[0], error, self._interval
                )
            return True
        if not is_same(*key):  # its pid was given to another process meanwhile
            os.close(pidfd)
            self._wanted.set()
            return False
        self._pidfds[key] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._fired, key)
        return True

    def _fired(self, key: _Key) -> None:
        self._ended.add(key)
        self._release(key)
        self._wanted.set()

    def _release(self, key: _Key) -> None:
        pidfd = self._pidfds.pop(key, None)
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)
