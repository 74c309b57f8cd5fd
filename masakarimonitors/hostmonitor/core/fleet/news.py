"""What one observation, or time, changes before anybody is judged: hosts, what spans them, and what is said of that.

Pure values, which add up in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Command, Verdict
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.state import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`hosts`: those that changed (None: forgotten); `cluster`: as it stands now; `recheck_all`: every troubled host
    must be judged; `gained`: this monitor has become the leader, so the whole ledger is written."""

    cluster: Cluster
    hosts: Mapping[str, HostState | None] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    recheck_all: bool = False
    gained: bool = False

    def then(self, later: "News") -> "News":
        """Both, in their order: `later` was found on top of these."""
        return News(
            cluster=later.cluster,
            hosts={**self.hosts, **later.hosts},
            commands=(*self.commands, *later.commands),
            verdicts=(*self.verdicts, *later.verdicts),
            recheck_all=self.recheck_all or later.recheck_all,
            gained=self.gained or later.gained,
        )


def of_judgements(cluster: Cluster, judgements: list[Judgement], *verdicts: Verdict) -> News:
    """Hosts that were changed one by one."""
    return News(
        cluster=cluster,
        hosts={judgement.name: judgement.host for judgement in judgements},
        commands=tuple(command for judgement in judgements for command in judgement.commands),
        verdicts=(*verdicts, *(verdict for judgement in judgements for verdict in judgement.verdicts)),
    )
