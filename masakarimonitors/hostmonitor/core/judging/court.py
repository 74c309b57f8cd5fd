"""By what each host is judged at one moment: which of its values count, and whether they ask for recovery.

Pure. In: the facts that span hosts, the rules, the moment. It is asked about one host at a time, and changes nothing.
"""

import math
from dataclasses import dataclass

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.evidence.membership import usable_value
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence, weigh
from masakarimonitors.hostmonitor.core.judging.gates import Case
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.state import Cluster, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    """By what a host is judged: the facts that span hosts, the rules, the moment."""

    cluster: Cluster
    policy: Policy
    now: Instant

    @property
    def monotonic(self) -> float:
        """This moment, in seconds."""
        return self.now.monotonic

    def needed(self, host: HostState) -> int:
        """How many samples make a value firm: a fenced host is dead, more of them only lose time."""
        proof = self.policy.proof
        limit = proof.age if proof is not None else math.inf
        return 1 if weigh(host.proofs, self.now, limit) is Evidence.OFF else self.policy.samples

    def values(self, host: HostState) -> tuple[Membership, ...]:
        """What may be used now, one value per link."""
        needed = self.needed(host)
        return tuple(
            usable_value(link, self.cluster.counts(name, self.monotonic), needed)
            for name, link in zip(self.policy.matrix.sequence, host.links, strict=True)
        )

    def standing(self, host: HostState) -> tuple[Membership, ...]:
        """What could be used if every link were seen."""
        needed = self.needed(host)
        return tuple(usable_value(link, True, needed) for link in host.links)

    def asks_recovery(self, host: HostState) -> bool:
        """Whether the host asks for recovery now, by what may be used now."""
        return self.policy.matrix.ask(self.values(host)) is Answer.RECOVER

    def case(self, name: str, host: HostState) -> Case:
        """The host before the gates."""
        return Case(
            name=name,
            host=host,
            values=self.values(host),
            cluster=self.cluster,
            policy=self.policy,
            now=self.now,
        )
