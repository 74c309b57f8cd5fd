"""Whose answer a command is: what no driver needs to know is answered here, everything else is the driver's."""

from collections.abc import Callable
from dataclasses import replace

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.ledger import with_followed
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    LookUpReports,
    Observation,
    WriteLedger,
)
from masakarimonitors.hostmonitor.effects.bmc_ledger import BmcLedger
from masakarimonitors.hostmonitor.effects.life import SignsOfLife
from masakarimonitors.hostmonitor.effects.reports import ReportLookups
from masakarimonitors.monitor import Effects


class Routed:
    """The effects of a host monitor: `life` and `lookups` have their command, `driver` (None: nobody) the rest."""

    def __init__(
        self,
        driver: Effects[Observation] | None,
        life: SignsOfLife,
        lookups: ReportLookups,
        bmcs: BmcLedger | None = None,
        *,
        own: Callable[[], str],
    ) -> None:
        """They are asked side by side; none waits for another. `bmcs` adds to the ledger what it says of BMCs.

        Each ledger says besides that this monitor, on the host that is called `own` where a reporter is named, follows
        what masakari was told of those in it.
        """
        self._driver = driver
        self._life = life
        self._lookups = lookups
        self._bmcs = bmcs
        self._own = own

    async def perform(self, command: Command) -> Observation | None:
        """Carry out one command."""
        if isinstance(command, CheckLife):
            return await self._life.check(command)
        if isinstance(command, LookUpReports):
            return await self._lookups.perform(command)
        if isinstance(command, WriteLedger):
            command = command if self._bmcs is None else self._bmcs.write(command)
            command = replace(command, entries=with_followed(command.entries, self._own()))
        return None if self._driver is None else await self._driver.perform(command)
