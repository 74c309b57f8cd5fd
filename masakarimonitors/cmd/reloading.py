"""SIGHUP: what can be read again is read again, and what is broken changes nothing and is named.

The configuration is read as at the start, by a thread. What of it counts at once are the levels of the log (`debug`,
`default_log_levels`, and what `log_config_append` names); whoever changed another option is told that it waits for a
restart. A file that a monitor can take over while it runs is put in force; of any other, and of what stands in such a
file and is wired in, it is said that it waits for a restart. Each is read all the same, for its faults.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import ConfigFault, loader, log
from masakarimonitors.monitor import InputFile
from masakarimonitors.status.model import Record
from masakarimonitors.system.files.operators_file import Unreadable, read_aside

LOG = logging.getLogger(__name__)

_CONFIGURATION = "configuration"

_DEADLINE = 60.0
"""Seconds for reading the whole configuration."""

Again = Callable[[], cfg.ConfigOpts]
"""Loads the configuration once more, as at the start; raises ConfigFault."""


class Reloading:
    """Waits to be asked, and reads again."""

    def __init__(self, conf: cfg.ConfigOpts, again: Again | None, running: Sequence[WiredMonitor]) -> None:
        """`conf` is what was loaded at the start; without `again` only the monitors' files are read."""
        self._conf = conf
        self._again = again
        self._running = running
        self._asked = asyncio.Event()
        self._reads = False
        # What each file said when it was read last without a fault, by its place.
        self._said: dict[tuple[str, int], Any] = {}

    @property
    def idle(self) -> bool:
        """Whether all that it was asked for is done."""
        return not (self._reads or self._asked.is_set())

    def ask(self) -> None:
        """Read again, soon; on the loop's thread."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._reads = True
            LOG.info("SIGHUP: reading again what can be read again")
            for one in self._running:
                one.monitor.reload()
            await self._options()
            for one in self._running:
                for at, file in enumerate(one.monitor.files):
                    await self._file((one.name, at), file, one.status.record)
            self._reads = False

    async def _file(self, place: tuple[str, int], file: InputFile, record: Record) -> None:
        try:
            await self._take_over(place, file, record)
        except Exception as fault:
            LOG.exception("SIGHUP: %s cannot be read again", file.path)
            record.outdated[file.path] = f"it cannot be read again: {fault!r}"

    async def _take_over(self, place: tuple[str, int], file: InputFile, record: Record) -> None:
        try:
            says = await read_aside(file.path, file.read)
        except (ConfigFault, Unreadable) as fault:
            words = _in_one_line(fault)
            LOG.error("SIGHUP: %s has a fault, so what it said before stays in force: %s", file.path, words)
            record.outdated[file.path] = words
            return
        record.outdated.pop(file.path, None)
        if says == self._said.get(place, file.in_force):
            return
        self._said[place] = says
        if file.apply is None:
            LOG.warning("SIGHUP: %s has changed; what it says now needs a restart", file.path)
        elif why := file.apply(says):
            LOG.warning("SIGHUP: %s has changed; what it says now needs a restart: %s", file.path, why)
        else:
            LOG.info("SIGHUP: %s has changed, and what it says now %s", file.path, file.taken)

    async def _options(self) -> None:
        again = self._again
        if again is None:
            return

        def read() -> tuple[cfg.ConfigOpts, Callable[[], None], Sequence[str]]:
            fresh = again()
            differing = loader.differing(self._conf, fresh, without=log.RENEWED)
            return fresh, log.renewed(self._conf, fresh), differing

        try:
            # Taken over here alone: a thread that comes too late, and was told to have failed, changes nothing.
            fresh, take_over, differing = await read_aside("the configuration", read, _DEADLINE)
            take_over()
            taken = {name for one in self._running for name in one.monitor.take_options(fresh)}
            waiting = [name for name in differing if name not in taken]
        except (ConfigFault, Unreadable) as fault:
            why = _in_one_line(fault)
            LOG.error("SIGHUP: the configuration has a fault, so nothing of it has changed: %s", why)
            self._outdated(why)
        except (Exception, SystemExit) as fault:  # of a library that reads it
            LOG.exception("SIGHUP: the configuration cannot be read, so nothing of it has changed")
            self._outdated(f"cannot be read: {fault!r}")
        else:
            self._outdated("")
            if waiting:
                LOG.warning("SIGHUP: these options have changed and need a restart: %s", ", ".join(waiting))

    def _outdated(self, why: str) -> None:
        """All of them have been started with it: the first one tells."""
        for one in self._running[:1]:
            one.status.record.outdated.pop(_CONFIGURATION, None)
            if why:
                one.status.record.outdated[_CONFIGURATION] = why


def _in_one_line(fault: Exception) -> str:
    return "; ".join(line.strip() for line in str(fault).splitlines())
