"""The hosts' driver of a shadow: it looks, and nothing of it elects, writes, shares or asks a BMC.

In: a driver that was built without an election and without a prover. Out: the same one with only its eyes, whose
effects answer `CheckPower` by what the cluster engine itself has proven (a fencing), and by nothing else.
"""

import logging

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.observation import (
    CheckPower,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
)
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.monitor import Effects
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)


class Unasked:
    """What the core may ask of a shadow's driver."""

    def __init__(self, inner: Effects[Observation] | None, clock: Clock, *, asks_bmc: bool) -> None:
        """`inner`: what the driver says without a BMC. `asks_bmc`: a monitor that is no shadow would ask one."""
        self._inner = inner
        self._clock = clock
        self._asks_bmc = asks_bmc

    async def perform(self, command: Command) -> Observation | None:
        """Answer a `CheckPower`; there is no ledger, and nothing else is asked of a driver."""
        if not isinstance(command, CheckPower):
            return None
        said = await self._inner.perform(command) if self._inner is not None else None
        seen = said if isinstance(said, PowerSeen) else None
        if seen is not None and (seen.kind is ProofKind.FENCED or not self._asks_bmc):
            return seen
        LOG.info("Shadow: the BMC of %s would be asked now, and is not", command.host)
        return PowerSeen(
            host=command.host,
            power=Power.NO_PROOF,
            evidence="not asked in shadow: its BMC would be asked",
            at=self._clock.now(),
            in_reply_to=command,
        )


def unasked(driver: Driver, clock: Clock, *, asks_bmc: bool, needs_proof: bool) -> Driver:
    """The driver with its eyes alone. `needs_proof`, `asks_bmc`: as a monitor that is no shadow would have it.

    Field by field: what a driver learns to do later is not in it before somebody has thought of it here.
    """
    if driver.elected or driver.share_silences is not None or driver.look_at_power is not None:
        raise AssertionError(f"the driver {driver.name} was built to act, and this is a shadow")
    return Driver(
        name=driver.name,
        matrix=driver.matrix,
        sources=driver.sources,
        own_names=driver.own_names,
        known_as=driver.known_as,
        effects=Unasked(driver.effects, clock, asks_bmc=asks_bmc),
        needs_proof=needs_proof,
        closers=driver.closers,
        endpoints=driver.endpoints,
        files=driver.files,
        troubles=driver.troubles,
    )
