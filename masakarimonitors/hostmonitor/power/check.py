"""Asks every BMC of a host and says in one word whether the host is off.

Off is believed when a BMC has said so twice in a row: one reading may fall into the middle of a
power cycle, after which the host is back and its machines may be, too. Any BMC that says "on" wins
over one that says "off".
"""

import asyncio
from collections.abc import Mapping, Sequence

from masakarimonitors.hostmonitor.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Address, Bmc, Reading, Speaks
from masakarimonitors.system.clock import Clock

# Between the two readings (seconds): longer than the off part of a chassis power cycle (1 s by the
# IPMI 2.0 specification, section 28.3, unless the BMC is set otherwise).
_SECOND_LOOK = 2.0


class PowerCheck:
    """The proof of death by BMC."""

    def __init__(
        self, asks: Mapping[Speaks, Bmc], clock: Clock, *, unreachable_means_off: bool = False
    ) -> None:
        """`unreachable_means_off`: the operator's own risk; a BMC that gives no answer counts as off."""
        self._asks = asks
        self._clock = clock
        self._unreachable_means_off = unreachable_means_off

    async def check(self, host: str, addresses: Sequence[Address]) -> Reading:
        """OFF, ON or NO_PROOF, with the words of every BMC that was asked."""
        if not addresses:
            return Reading(Power.NO_PROOF, f"no BMC is known for {host}")
        first = await self._look(addresses)
        if first.power is not Power.OFF:
            return self._as_configured(first)
        await self._clock.sleep(_SECOND_LOOK)
        second = await self._look(addresses)
        if second.power is Power.OFF:
            return Reading(Power.OFF, f"{second.evidence}, twice {_SECOND_LOOK:.0f} s apart")
        return Reading(second.power, f"{first.evidence}; {_SECOND_LOOK:.0f} s later {second.evidence}")

    async def _look(self, addresses: Sequence[Address]) -> Reading:
        readings = await asyncio.gather(*(self._asks[address.speaks].read(address) for address in addresses))
        said = {reading.power for reading in readings}
        words = "; ".join(reading.evidence for reading in readings)
        for power in (Power.ON, Power.OFF):
            if power in said:
                return Reading(power, words)
        return Reading(Power.NO_PROOF, words)

    def _as_configured(self, reading: Reading) -> Reading:
        if reading.power is Power.NO_PROOF and self._unreachable_means_off:
            return Reading(
                Power.OFF, f"{reading.evidence}; power_unreachable_means_off is set, so this counts as off"
            )
        return reading
