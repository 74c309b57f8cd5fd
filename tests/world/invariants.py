"""What must never happen in the made-up cloud, looked for at each offer and each change.

The world knows the truth; a monitor may be as late as its sight and its calls are, and no later.
"""

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.fake_loop import BEGIN
from tests.world.masakari import Offer

if TYPE_CHECKING:
    from tests.world.world import World

KNOWS = 1.5
"""Seconds after which a monitor that sees a link knows what is declared there."""
QUIET = 60.0
"""Seconds after which a host that is back in part, and asks for nothing, may fail anew."""
BLIND = 16.0
"""Seconds for which one that does not see any more may still go by what it saw."""


class Invariants:
    """`proofs`: when (seconds) a monitor was last shown that a host is off; `violations`: what went wrong."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.proofs: dict[tuple[str, str], float] = {}
        self.violations: list[str] = []
        self.being_fenced: set[str] = set()
        self._up_since: dict[str, float | None] = dict.fromkeys(world.hosts, 0.0)
        self._outage_began: dict[str, float] = dict.fromkeys(world.hosts, 0.0)
        self._asks: dict[str, bool] = dict.fromkeys(world.hosts, False)
        self._quiet_since: dict[str, float] = dict.fromkeys(world.hosts, 0.0)
        self._told: dict[tuple[str, str], list[Offer]] = defaultdict(list)

    def members_changed(self) -> None:
        """A link has declared something, or something has happened to one."""
        now = self._world.now
        for host in self._world.hosts:
            values = [link.declared[host] for link in self._world.links]
            up = all(value is Membership.UP for value in values)
            if up and self._up_since[host] is None:
                self._up_since[host] = now
                self._outage_began[host] = now
            elif not up:
                self._up_since[host] = None
            self._note_asking(host, self._world.matrix.ask(values) is Answer.RECOVER, now)

    def _note_asking(self, host: str, asks: bool, now: float) -> None:
        """An outage is also over when its host has asked for no recovery for long enough."""
        if asks and not self._asks[host] and now - self._quiet_since[host] >= QUIET:
            self._outage_began[host] = now
        elif not asks and self._asks[host]:
            self._quiet_since[host] = now
        self._asks[host] = asks

    def outage_since(self, host: str) -> float:
        """Since when (seconds) the host has not been up on every link, or the last time that it came up there."""
        return self._outage_began[host]

    def offered(self, offer: Offer) -> None:
        """Masakari has answered."""
        if offer.status != 202 or offer.kind != "COMPUTE_HOST" or offer.event != "STOPPED":
            return
        self._never_of_a_living_host(offer)
        if offer.host_status == "NORMAL" and self._world.needs_proof:
            self._never_without_proof(offer)
        self._never_twice(offer)

    def _never_of_a_living_host(self, offer: Offer) -> None:
        if offer.host == offer.sender:
            self._violated(offer, "it accuses itself")
        known = [
            link.declared[offer.host] is Membership.UP and offer.offered - link.since[offer.host] > KNOWS
            for link in self._world.links
            if link.sees(offer.sender)
        ]
        up = self._up_since[offer.host]
        if (known and all(known)) or (up is not None and offer.offered - up > BLIND):
            self._violated(offer, "the host is up on every link that counts")

    def _never_without_proof(self, offer: Offer) -> None:
        shown = self.proofs.get((offer.sender, offer.host))
        limit = 2 * ProofPolicy().answer_limit
        if shown is None or offer.offered - shown > limit:
            age = "none at all" if shown is None else f"{offer.offered - shown:.0f} s old"
            self._violated(offer, f"NORMAL on proof that is {age}")

    def _never_twice(self, offer: Offer) -> None:
        told = self._told[offer.host, offer.host_status]
        told.append(offer)
        # Who puts a host back asks for the next failure of it, and may do so while it is down.
        began = max(self._outage_began[offer.host], self._world.masakari.put_back.get(offer.host, 0.0))
        for one, other in itertools.pairwise(told):
            if other is offer and one.offered >= began and other.offered >= began:
                self._violated(
                    offer, f"one outage, told twice: {one.sender} had told it at {one.offered - BEGIN:.2f}"
                )

    def _violated(self, offer: Offer, why: str) -> None:
        self.violations.append(f"{offer} was offered at {offer.offered - BEGIN:.2f}: {why}")
