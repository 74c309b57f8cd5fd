"""The Leases that kubelets renew: whether they move, this host's own at each look and all of them now and then.

In: the API server's lists. Out: `Beats`, which `sight.py` judges. An account may be refused them; that is said
once, asked again after some minutes, and leaves the stamps in the nodes' conditions to judge by.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import (
    NODE_LEASES,
    REFUSALS,
    Api,
    ApiFault,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.sight import Beats
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePace:
    """All in seconds. `patience`: for one small answer; a page of all Leases may take five times as long.

    `every`: between two looks at all Leases; more in large clusters (`a_node` for each Node), a minute at most.
    `try_again`: until what was refused is asked for anew.
    """

    patience: float = 3.0
    every: float = 10.0
    a_node: float = 0.06
    try_again: float = 300.0

    def between(self, nodes: int) -> float:
        """Seconds between two looks in a cluster of so many Nodes."""
        return max(self.every, min(nodes * self.a_node, 60.0))


class KubeletLeases:
    """What the Leases said last; `own` has one stamp at most, `every` is empty while they may not be read."""

    def __init__(self, clock: Clock, pace: LeasePace) -> None:
        """Nothing is read before `look`."""
        self._clock = clock
        self._pace = pace
        self._after = -math.inf
        self.own = Beats()
        self.own_duration = 40.0
        self.every = Beats()

    @property
    def refused(self) -> bool:
        """This account may not read them."""
        return self._after > -math.inf

    async def look_at_own(self, api: Api, name: str) -> None:
        """Read the Lease of this host's Node; raises ApiFault, unless it is only refused."""
        asked = self._clock.now()
        found = await self._read(api, self._pace.patience, name)
        self.own = self.own.hear(_stamps(found), asked)
        duration = found.get(name, {}).get("leaseDurationSeconds")
        if isinstance(duration, int) and 0 < duration < 1 << 31:
            self.own_duration = float(duration)

    async def look(self, api: Api) -> None:
        """Read all of them; raises ApiFault, unless they are only refused."""
        asked = self._clock.now()
        found = await self._read(api, self._pace.patience * 5)
        self.every = self.every.hear(_stamps(found), asked)

    async def _read(self, api: Api, patience: float, name: str = "") -> Mapping[str, Mapping[str, object]]:
        if self._clock.now().monotonic < self._after:
            return {}
        try:
            found = await api.list_node_leases(patience, name)
        except ApiFault as fault:
            if fault.status not in REFUSALS:
                raise
            if not self.refused:
                LOG.warning(
                    "The Leases in %s may not be read (%s): a control plane that has stopped is noticed after some "
                    "minutes only, and a kubelet of this host that does not reach the API server is noticed late",
                    NODE_LEASES,
                    fault,
                )
            self._after = self._clock.now().monotonic + self._pace.try_again
            return {}
        self._after = -math.inf
        return found


def _stamps(leases: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    return {name: str(spec["renewTime"]) for name, spec in leases.items() if spec.get("renewTime")}
