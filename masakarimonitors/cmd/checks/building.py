"""The start of each monitor, played: what would end it is said here in the same words, because the same functions say
it.

In: the configuration. Out: a fault for what would end the monitor, a warning for what it would warn of. Everything is
built as for a run, on memory instead of a disk, and nothing is run: no source looks and nobody is asked.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence

from oslo_config import cfg

from masakarimonitors.cmd import shadowing, wiring
from masakarimonitors.conf import ConfigFault, log
from masakarimonitors.core.finding import Finding, fault, ok, warning
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.system.clock import Clock

_OURS = "masakarimonitors"


def place_of_log(conf: cfg.ConfigOpts, names: Sequence[str]) -> list[Finding]:
    """Whether each monitor's log can be had where it belongs; nothing is made there."""
    faults: list[str] = []
    for name in names:
        try:
            log.look(conf, f"masakari-{name}")
        except ConfigFault as error:
            faults.append(str(error))
    return [fault(text) for text in dict.fromkeys(faults)]


async def monitor(
    name: str, conf: cfg.ConfigOpts, api: MasakariApi, clock: Clock, *, wanted: bool
) -> list[Finding]:
    """How that monitor would start. One that cannot work on this host is a fault only where it is `wanted`."""
    try:
        obstacle = wiring.obstacle(name, conf)
    except wiring.NotBuilt:
        return [_unfit(f"{name} cannot work here: not part of this release", wanted=wanted)]
    except ConfigFault as error:
        return [fault(f"{name}: {error}")]
    said: list[str] = []
    try:
        in_vain = await _build(name, conf, api, clock, said)
    except ConfigFault as error:
        # Where this host is none for that monitor, that is all there is to say of it, unless the files are wrong, too.
        if str(error) != obstacle:
            return [fault(f"{name}: {error}")]
        in_vain = ""
    found = [warning(f"{name}: {text}") for text in dict.fromkeys(said)]
    if in_vain:
        found.append(fault(f"{name}: {in_vain}"))
    if obstacle:
        found.append(_unfit(f"{name} cannot work here: {obstacle}", wanted=wanted))
    elif not in_vain:
        found.append(ok(f"{name} can work here"))
    return found


def _unfit(text: str, *, wanted: bool) -> Finding:
    return fault(text) if wanted else warning(text)


async def _build(name: str, conf: cfg.ConfigOpts, api: MasakariApi, clock: Clock, said: list[str]) -> str:
    """Why the monitor would run in vain, or nothing; raises ConfigFault for what would end it.

    `said` gets what it would warn of.
    """
    outbox = await wiring.make_outbox(conf, None, name, clock)
    try:
        await wiring.open_outbox(outbox)
        with _overheard(said):
            if conf.shadow:
                built, _ = shadowing.build(name, conf, outbox, api, clock)
            else:
                built = wiring.build(name, conf, outbox, api, clock)
        await built.monitor.close()
        return built.monitor.in_vain
    finally:
        await outbox.close()


@contextlib.contextmanager
def _overheard(said: list[str]) -> Iterator[None]:
    """While the block runs, what our own modules warn of comes here, and nowhere else."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger(_OURS), Listener(logging.WARNING)
    before = logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(listener)


def monitors(names: Sequence[str]) -> Sequence[str]:
    """The monitors to look at, in the order in which they start: those that are named, or all."""
    return [name for name in wiring.MONITORS if not names or name in names]
