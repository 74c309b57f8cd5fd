"""The fencing devices, read at start and now and then: what is wrong with one is said before it is needed.

In: the CIB's fencing devices. Out: nothing to the core; the prover learns where BMCs are (and says which passwords
cannot be read), and the log names each device that proves nothing, once.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import FencingDevices
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook
from masakarimonitors.hostmonitor.power.bmc import Address
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

_EVERY = 300.0
"""Seconds between two readings: who changes a device hears of its faults within minutes."""

_AGAIN = 60.0
"""Seconds after which a reading that failed is repeated: Pacemaker may start after this monitor."""


class FencingWatch:
    """A source that emits nothing."""

    name = "fencing devices"

    def __init__(
        self,
        read: Callable[[], Awaitable[FencingDevices]],
        learn: Callable[[Mapping[str, Sequence[Address]]], None],
        clock: Clock,
    ) -> None:
        """`read` raises CannotLook; `learn` is the prover's."""
        self._read = read
        self._learn = learn
        self._clock = clock
        self._said: frozenset[str] = frozenset()

    async def run(self, emit: Callable[[Any], None]) -> None:
        """Until cancelled."""
        while True:
            try:
                devices = await self._read()
            except CannotLook as fault:
                LOG.info("The fencing devices cannot be read yet: %s", fault)
                await self._clock.sleep(_AGAIN)
                continue
            self._learn(devices.by_host)
            for remark in devices.remarks:
                if remark not in self._said:
                    LOG.warning("A fencing device proves nothing by its BMC: %s", remark)
            self._said = frozenset(devices.remarks)
            await self._clock.sleep(_EVERY)
