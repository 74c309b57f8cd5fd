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
from pathlib import Path

from masakarimonitors.instancemonitor.core.observation import Identity, Observation, ProcessEnded
from masakarimonitors.instancemonitor.qemu_files import holder
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

# Seconds between two looks for new pidfiles: one listing of a folder in memory.
_LOOK_EVERY = 1.0
_UUID = re.compile(rb"\0-uuid\0([0-9a-f-]{36})\0")
# An argument of a QEMU that takes in a guest, by live migration or out of a file.
_INCOMING = b"\0-incoming\0"


class QemuProcesses:
    """The source that watches the processes of this host's QEMU driver."""

    name = "qemu processes"

    def __init__(self, directory: Path, uri: str, clock: Clock) -> None:
        """`directory` holds libvirt's pidfiles; `uri` is where libvirt is asked about their instances."""
        self._directory = directory
        self._uri = uri
        self._clock = clock
        self._watched: dict[str, tuple[int, int]] = {}
        # Half of what this process may open: the rest is for everybody else.
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        blind = False
        try:
            while True:
                try:
                    self._look(emit)
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
            for name in list(self._watched):
                self._forget(name)

    def _look(self, emit: Callable[[Observation], None]) -> None:
        for entry in os.scandir(self._directory):
            name = entry.name.removesuffix(".pid")
            if name == entry.name or name == "driver" or name in self._watched:
                continue
            if len(self._watched) >= self._limit:
                return
            # Gone, or not an instance's, or another's to read: nothing to watch.
            with contextlib.suppress(OSError):
                self._watch(name, Path(entry.path), emit)

    def _watch(self, name: str, pidfile: Path, emit: Callable[[Observation], None]) -> None:
        pid = holder(pidfile)
        if not pid:
            return
        pidfd = os.pidfd_open(pid)
        try:
            # Read after the pidfd was opened: what is read is of the very process that it stands for.
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            found = _UUID.search(command)
            if found is None or holder(pidfile) != pid:
                os.close(pidfd)
                return
        except OSError:
            os.close(pidfd)
            raise
        instance = Identity(found[1].decode(), name, self._uri)
        self._watched[name] = (pidfd, pid)

        def ended() -> None:
            self._forget(name)
            emit(ProcessEnded(instance, pid, arrived=_INCOMING in command))

        asyncio.get_running_loop().add_reader(pidfd, ended)

    def _forget(self, name: str) -> None:
        pidfd, _pid = self._watched.pop(name)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
