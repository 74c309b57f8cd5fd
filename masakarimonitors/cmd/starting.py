"""How each program that stays begins: its configuration and log, what it is called, and what stops it."""

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd.console.ending import leave
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.conf import loader, log, unknown, variables
from masakarimonitors.system.processes import limits

LOG = logging.getLogger(__name__)


def load(argv: Sequence[str], prog: str, **options: Any) -> cfg.ConfigOpts:
    """Configuration and log, with every unknown option named; raises ConfigFault."""
    conf = loader.load(argv, prog=prog, **options)
    # Held processes, connections and files are descriptors, and systemd's default of 1,024 is soon used up.
    limits.raise_descriptors()
    log.set_up(conf)
    unknown.warn(conf)
    variables.warn(conf)
    return conf


def own_names(conf: cfg.ConfigOpts) -> Sequence[str]:
    """What this host is called, by masakari and by itself; no web page can have such a name."""
    return conf.hostname, socket.gethostname()


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set `stop`; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        if stop.is_set():
            leave(Exit.AMISS)
        LOG.info("%s: stopping", number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
