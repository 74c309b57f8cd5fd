"""What a host driver is: one file that knows one cluster engine, plus one entry-point line.

The entry point (`hostmonitor.driver` group) names a function `build(conf, own, clock) -> Driver`
in the driver's file. That function is the only one there that reads the configuration (its own
section); everything below it takes typed, frozen policies. A driver decides nothing: it emits the
observations of `observation.py` and answers the commands that it is asked.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from oslo_config.cfg import ConfigOpts

from masakarimonitors.daemon import Effects, Source
from masakarimonitors.hostmonitor.matrix import Matrix
from masakarimonitors.hostmonitor.observation import Observation
from masakarimonitors.system.clock import Clock


@dataclass(frozen=True, slots=True)
class Driver:
    """One cluster engine, wired: who looks, who acts, and by which rules its words are judged."""

    name: str
    matrix: Matrix
    """The links by name, in order, and which vectors mean recovery. One link: `matrix.single(name)`."""
    sources: Sequence[Source[Observation]]
    effects: Effects[Observation] | None = None
    """Answers `CheckPower` (when `needs_proof`) and `WriteLedger` (when `elected`)."""
    needs_proof: bool = False
    """True: host_status NORMAL only after `PowerSeen(OFF)`. False: a failure is NORMAL at once."""
    elected: bool = False
    """True: a source emits `Office`; until it does, reports are held. False: this monitor always reports."""
    closers: Sequence[Callable[[], Awaitable[None]]] = ()


class Build(Protocol):
    """The function that a driver's entry point names."""

    def __call__(self, conf: ConfigOpts, own: str, clock: Clock) -> Driver:
        """Read the driver's section of `conf`; `own` is this host's name, as masakari knows it.

        Raises `masakarimonitors.conf.ConfigFault` for what an operator can fix.
        """
