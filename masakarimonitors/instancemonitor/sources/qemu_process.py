"""A second eye: a pidfd on every QEMU process that libvirt's pidfiles name.

Out: ProcessEnded, within a millisecond, also while libvirtd is away or has only just started, when a
death brings no event at all. Why a process ended it cannot know; the decision asks libvirt. Where the
pidfiles cannot be read there is no second eye, which is said once.
"""

import asyncio
import contextlib
import logging
import os
import re
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path

from masakarimonitors.instancemonitor.core.observation import Identity, Observation, ProcessEnded
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.processes.pidfile import holder
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

# Seconds between two looks for new pidfiles: one listing of a folder in memory.
_LOOK_EVERY = 1.0
# The kernel answers what a process was started with under a lock of its memory, which a QEMU in trouble (its host out
# of memory, its storage gone) can hold for ever. So a thread asks, and for so many seconds it is waited for.
_PATIENCE = 2.0
# Threads for that; each QEMU in trouble keeps one.
_AT_ONCE = 4
_UUID = re.compile(rb"\0-uuid\0([0-9a-f-]{36})\0")
# An argument of a QEMU that takes in a guest, by live migration or out of a file.
_INCOMING = b"\0-incoming\0"


def started_with(pid: int) -> bytes:
    """The arguments of a process, each ended by a zero byte; blocks while its memory is locked. Raises OSError."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


class QemuProcesses:
    """The source that watches the processes of this host's QEMU driver."""

    name = "qemu processes"

    def __init__(
        self,
        directory: Path,
        uri: str,
        clock: Clock,
        *,
        started_with: Callable[[int], bytes] = started_with,
    ) -> None:
        """`directory` holds libvirt's pidfiles; `uri` is where libvirt is asked about their instances.

        `started_with` reads the arguments of a process, and may block for ever.
        """
        self._started_with = started_with
        # Of these it is still being read; touched by the threads, too.
        self._asked: set[int] = set()
        self._directory = directory
        self._uri = uri
        self._clock = clock
        self._watched: dict[str, tuple[int, int]] = {}
        # Half of what this process may open: the rest is for everybody else.
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        blind, threads = False, Pool("qemu commands", _AT_ONCE)
        try:
            while True:
                try:
                    await self._look(emit, threads)
                    blind = False
                except OSError as error:
                    if not blind:
                        LOG.info(
                            "libvirt's pidfiles cannot be read (%s), so QEMU processes are not watched "
                            "themselves; libvirt's events are. To change that run this monitor as root, "
                            "with the host's %s",
                            error,
                            self._directory,
                        )
                    blind = True
                await self._clock.sleep(_LOOK_EVERY)
        finally:
            threads.close()
            for name in list(self._watched):
                self._forget(name)

    async def _look(self, emit: Callable[[Observation], None], threads: Pool) -> None:
        for entry in list(os.scandir(self._directory)):
            name = entry.name.removesuffix(".pid")
            if name == entry.name or name == "driver" or name in self._watched:
                continue
            if len(self._watched) >= self._limit:
                return
            # Gone, or not an instance's, or another's to read: nothing to watch. One that does not answer in time is
            # tried again when its answer has come.
            with contextlib.suppress(OSError):
                await self._watch(name, Path(entry.path), emit, threads)

    async def _watch(
        self, name: str, pidfile: Path, emit: Callable[[Observation], None], threads: Pool
    ) -> None:
        pid = holder(pidfile)
        if not pid or pid in self._asked:
            return
        pidfd = os.pidfd_open(pid)
        try:
            # Read after the pidfd was opened: what is read is of the very process that it stands for.
            command = await threads.call(partial(self._read, pid), _PATIENCE)
            found = _UUID.search(command)
            if found is None or holder(pidfile) != pid:
                os.close(pidfd)
                return
        except BaseException:
            os.close(pidfd)
            raise
        instance = Identity(found[1].decode(), name, self._uri)
        self._watched[name] = (pidfd, pid)

        def ended() -> None:
            self._forget(name)
            emit(ProcessEnded(instance, pid, arrived=_INCOMING in command))

        asyncio.get_running_loop().add_reader(pidfd, ended)

    def _read(self, pid: int) -> bytes:
        self._asked.add(pid)
        try:
            return self._started_with(pid)
        finally:
            self._asked.discard(pid)

    def _forget(self, name: str) -> None:
        pidfd, _pid = self._watched.pop(name)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
