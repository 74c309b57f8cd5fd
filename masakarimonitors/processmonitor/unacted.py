"""The effects of a shadow's process monitor: it looks, and starts nothing.

In: `Watch`, `Look`, `Run` and `LookUpMaintenance` from the decision. Out: the answers as observations. Nothing in this
module can start a program. What a command would have brought about is left to whoever runs it beside this monitor: it
counts as done, and the next look at the process says what came of that.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from masakarimonitors.core.decision import Command
from masakarimonitors.core.printable import masked
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Observation,
    Run,
    Sighting,
    Watch,
)

LOG = logging.getLogger(__name__)


class Looks(Protocol):
    """What is needed of the source that sees processes."""

    def watch(self, entries: Sequence[Entry]) -> None:
        """Watch exactly these."""

    def look(self, process_name: str, request_id: int) -> Awaitable[Sighting]:
        """A look that begins now."""


class Unacted:
    """Answers the decision's commands without an act."""

    def __init__(self, processes: Looks, maintenance: Callable[[], Awaitable[MaintenanceSeen]]) -> None:
        """`maintenance` asks masakari whether it holds this host on maintenance."""
        self._processes = processes
        self._maintenance = maintenance

    async def perform(self, asked: Command) -> Observation | None:
        """Answer one command; every `Look` and `Run` is answered."""
        match asked:
            case Watch():
                self._processes.watch(asked.entries)
            case Look():
                return await self._processes.look(asked.process_name, asked.request_id)
            case Run():
                return self._would_run(asked)
            case LookUpMaintenance():
                return await self._maintenance()
        return None

    def _would_run(self, run: Run) -> CommandEnded:
        as_root = " as root" * run.run_as_root
        LOG.info(
            "Shadow: %s: its %s would be run%s, and is not: %s",
            run.process_name,
            run.what,
            as_root,
            masked(run.command_line),
        )
        why = f"its {run.what} would have been run{as_root}; a shadow runs nothing"
        return CommandEnded(run.process_name, run.request_id, 0, why)
