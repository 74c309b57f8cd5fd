"""Rules that the operator has changed while this monitor runs, as observations.

In: what stands in a file, or among the options, as they were read again. Out: `MatrixChanged`, `DomainsChanged` and
`GuardChanged`, or why only a restart can put it in force.
"""

import asyncio
from collections.abc import Callable, Mapping

from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.election.candidate import deciding_links
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.observation import (
    DomainsChanged,
    GuardChanged,
    MatrixChanged,
    Observation,
)


class ChangedRules:
    """The source; `take` may be called before it runs."""

    name = "changed rules"

    def __init__(self, matrix: Matrix, *, elected: bool) -> None:
        """`matrix`: the one of the start, by which the links were chosen, and, if `elected`, what an election heeds."""
        self._matrix = matrix
        self._elected = elected
        self._news: asyncio.Queue[MatrixChanged | DomainsChanged | GuardChanged] = asyncio.Queue()

    def take(self, path: str, says: Matrix) -> str:
        """Put it in force, or why only a restart does; on the loop's thread."""
        if says.sequence != self._matrix.sequence:
            return "it names other links than those that are watched"
        if self._elected and deciding_links(says) != deciding_links(self._matrix):
            return (
                "recovery hangs on other links by it, and the election of the reporter was begun with those"
            )
        self._news.put_nowait(MatrixChanged(says.recover, path))
        return ""

    def take_domains(self, path: str, says: Mapping[str, str]) -> None:
        """Put these failure domains in force, soon; on the loop's thread."""
        self._news.put_nowait(DomainsChanged(says, path))

    def take_guard(self, guard: GuardPolicy, where: str) -> None:
        """Put these limits of storms in force, soon; on the loop's thread."""
        self._news.put_nowait(GuardChanged(guard, where))

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        while True:
            emit(await self._news.get())
