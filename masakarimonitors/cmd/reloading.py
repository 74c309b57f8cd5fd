"""SIGHUP: what can be read again is read again, and what is broken changes nothing and is named.

The configuration is read as at the start, by a thread. What of it counts at once are the levels of the log (`debug`,
`default_log_levels`, and what `log_config_append` names); whoever changed another option is told that it waits for a
restart. Each monitor reads its own files.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from oslo_config import cfg

from masakarimonitors.cmd.wiring import WiredMonitor
from masakarimonitors.conf import ConfigFault, loader, log
from masakarimonitors.system.operators_file import Unreadable, read_aside

LOG = logging.getLogger(__name__)

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
            self._reads = False

    async def _options(self) -> None:
        again = self._again
        if again is None:
            return

        def renew() -> Sequence[str]:
            fresh = again()
            log.renew(self._conf, fresh)
            return loader.differing(self._conf, fresh, without=log.RENEWED)

        try:
            waiting = await read_aside("the configuration", renew, _DEADLINE)
        except (ConfigFault, Unreadable) as fault:
            words = "; ".join(line.strip() for line in str(fault).splitlines())
            LOG.error("SIGHUP: the configuration has a fault, so nothing of it has changed: %s", words)
        except (Exception, SystemExit):  # of a library that reads it
            LOG.exception("SIGHUP: the configuration cannot be read, so nothing of it has changed")
        else:
            if waiting:
                LOG.warning("SIGHUP: these options have changed and need a restart: %s", ", ".join(waiting))
