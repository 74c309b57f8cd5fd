"""Shadows wired: each monitor in its place as `wiring` puts it there, with the parts that act replaced.

Reads conf. What stands behind a shadow's path to masakari is `shadow.far_end`; the monitors themselves are built
without acting parts by their own `build`, each of which knows what those are. There is none that asks guests.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.wiring import OnVerdict, WiredMonitor
from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Instant, Verdict
from masakarimonitors.journal.writer import Journal
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.shadow.comparison import SUFFIX, Comparison
from masakarimonitors.shadow.far_end import AsIfUntold, WouldSend
from masakarimonitors.shadow.theirs import KINDS, Theirs
from masakarimonitors.status.health import Sight
from masakarimonitors.system.clock import Clock

if TYPE_CHECKING:
    from masakarimonitors.recording.recorder import Recorder

LOG = logging.getLogger(__name__)

NO_GUESTS = (
    "[DEFAULT] shadow = true: there is no shadow of the introspective monitor. A guest agent answers one question at "
    "a time, and libvirt lets the next one wait: the pings of a second monitor would delay those of the first, which "
    "could take a living guest for a dead one."
)
"""Why one monitor has no shadow."""


def lacking(name: str) -> str:
    """Why that monitor has no shadow, or nothing."""
    return "" if name in KINDS else NO_GUESTS


def build(
    name: str,
    conf: cfg.ConfigOpts,
    outbox: Outbox,
    api: MasakariApi,
    clock: Clock,
    *,
    state: Path | None = None,
    on_verdict: OnVerdict = lambda verdict, at: None,
    volatile: str = "",
    journal: Journal | None = None,
    recorder: "Recorder | None" = None,
    on_change: Callable[[], None] = lambda: None,
) -> tuple[WiredMonitor, Comparison]:
    """The shadow `name` in its place, and its comparison, which is not opened yet; raises ConfigFault, NotBuilt.

    `state`: the folder in which the comparison is kept; None: in memory.
    """
    if why := lacking(name):
        raise ConfigFault(why)
    monitor = wiring.build_monitor(name, conf, outbox.memory, clock, AsIfUntold(api), recorder)

    def blind(now: Instant) -> str:
        views = wired.daemon.views(now) or ()
        return "; ".join(f"{one.name}: {one.why}" for one in views if one.sight is not Sight.PROVEN)

    comparison = Comparison(
        Theirs(api, name, conf.hostname),
        clock,
        state / f"{name}{SUFFIX}" if state is not None else None,
        blind=blind,
    )

    def ruled(verdict: Verdict, at: Instant) -> None:
        comparison.ruled(verdict, at)
        on_verdict(verdict, at)

    wired = wiring.wire(
        monitor,
        outbox,
        WouldSend(comparison.would_send),
        wiring.delivery_policy(conf, name),
        clock,
        on_verdict=ruled,
        reach=lambda: api.trouble,
        volatile=volatile,
        journal=journal,
        shadow=comparison.describe,
        on_change=on_change,
    )
    LOG.warning("%s is a shadow: it tells masakari nothing and does nothing, whatever fails", name)
    return wired, comparison
