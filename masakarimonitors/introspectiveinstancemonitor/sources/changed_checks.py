"""Checks that the operator has changed while this monitor runs: asked from then on, and told to the decision.

In: what stands in the file that was read again. Out: `ChecksChanged`, ahead of every answer to one of them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, begun_anew, questions
from masakarimonitors.introspectiveinstancemonitor.core.observation import ChecksChanged, Observation
from masakarimonitors.introspectiveinstancemonitor.sources.checks import Checks
from masakarimonitors.introspectiveinstancemonitor.sources.inventory import Inventory
from masakarimonitors.introspectiveinstancemonitor.sources.output import Expression


class ChangedChecks:
    """The source; `take` may be called before it runs."""

    name = "changed checks"

    def __init__(
        self, path: str, checks: Sequence[Check], asking: Sequence[Checks], listing: Sequence[Inventory]
    ) -> None:
        """`checks`: those of the start; at each libvirt, who is `asking` them, and `listing` for whom they are."""
        self._path = path
        self._checks = checks
        self._asking = asking
        self._listing = listing
        self._news: asyncio.Queue[Sequence[Check]] = asyncio.Queue()

    def take(self, says: Sequence[Check]) -> None:
        """Put these in force, soon; on the loop's thread."""
        self._news.put_nowait(says)

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled."""
        while True:
            checks = await self._news.get()
            anew, self._checks = begun_anew(self._checks, checks), checks
            # Before any guest is told of again: it would be told without a check that is new.
            for listing in self._listing:
                listing.renew(checks)
            failures = {check.name: check.failures for check in checks}
            emit(ChecksChanged(failures, anew, self._path, questions(checks)))
            for one in self._asking:
                one.renew(checks, expressions(checks), anew)


def expressions(checks: Sequence[Check]) -> Mapping[str, Expression]:
    """Those that outputs must match, by the names of their checks."""
    return {check.name: Expression(check.output) for check in checks if check.output is not None}
