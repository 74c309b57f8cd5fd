"""Effect: does masakari have a report about this host already, whoever has sent it?

In: `LookUpReports`. Out: one `ReportsFound` each, None where masakari cannot be asked. It is asked before
a monitor sends what another may have told, while all report (masakari accepts twins that arrive together, and recovers
twice) or before it watched the host; and when the outage is over: has masakari's engine ended with each of them?
"""

import asyncio
import datetime
from collections.abc import Callable

from masakarimonitors.core.decision import Command
from masakarimonitors.core.notification import HostEvent, HostNotification, HostStatus
from masakarimonitors.hostmonitor.core.observation import LookUpReports, ReportsFound
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import FINISHED, ReportFinder, Stored
from masakarimonitors.system.clock import Clock

PATIENCE = 20.0
"""Seconds for one answer: whoever waits for it holds a report about a host that is down."""

NEW = "new"
"""masakari's engine has not begun with it."""

BEGUN = frozenset({"running", "error"})
"""Words of its engine for what it has begun and not finished with: an error is tried once more. Whose engine ends
meanwhile stays so for a day, and nobody works on it."""


class ReportLookups:
    """Answers `LookUpReports`; other commands are not its own."""

    def __init__(self, finder: ReportFinder, clock: Clock, patience: float = PATIENCE) -> None:
        """Ask through `finder`, for `patience` seconds at most."""
        self._finder = finder
        self._clock = clock
        self._patience = patience

    async def perform(self, command: Command) -> ReportsFound | None:
        """One answer; never raises for what masakari says or does not say."""
        if not isinstance(command, LookUpReports):
            return None
        flag: bool | None = None
        try:
            async with asyncio.timeout(self._patience):
                flag = await self._flag(command)
                found, evidence, finished = await self._find(command)
        except TimeoutError:
            found, finished = None, False
            evidence = f"masakari has not answered within {self._patience:.0f} s"
        return ReportsFound(
            host=command.host,
            found=found,
            evidence=evidence,
            at=self._clock.now(),
            in_reply_to=command,
            finished=finished,
            on_maintenance=flag,
        )

    async def _flag(self, command: LookUpReports) -> bool | None:
        if not command.flag:
            return None
        try:
            return await self._finder.flag(command.host)
        except LookupFailed:
            return None

    async def _find(self, command: LookUpReports) -> tuple[bool | None, str, bool]:
        # Whoever has told NORMAL has told UNKNOWN, too, and more.
        wanted = {command.host_status.value, HostStatus.NORMAL.value}

        def equal(stored: Stored) -> bool:
            stopped = stored.payload.get("event") == HostEvent.STOPPED.value
            return stopped and stored.payload.get("host_status") in wanted

        def unfinished(stored: Stored, recent: bool) -> bool:
            return equal(stored) and stored.status not in FINISHED

        try:
            one = await self._newest(command, unfinished, command.since) if command.every else None
            if one is None:
                one = await self._newest(
                    command, lambda stored, recent: recent and equal(stored), command.since
                )
            if one is None and command.unfinished_since is not None:
                one = await self._newest(
                    command,
                    lambda stored, recent: equal(stored) and self._is_at_it(command, stored),
                    command.unfinished_since,
                )
        except LookupFailed as fault:
            return None, f"masakari's notifications cannot be read ({fault})", False
        if one is None:
            return False, f"masakari has no such report since {command.since:%H:%M:%S} UTC", False
        why = f"masakari has notification {one.uuid}, {one.status or 'of unknown status'}"
        return True, why, one.status in FINISHED

    def _is_at_it(self, command: LookUpReports, stored: Stored) -> bool:
        """Whether masakari's engine will take it up, or may be at it."""
        if stored.status == NEW or command.touched_since is None:
            return stored.status == NEW or stored.status in BEGUN
        touched = max(stored.created_at, stored.updated_at or stored.created_at)
        since = self._finder.theirs(command.touched_since, self._clock.now().wall)
        return stored.status in BEGUN and touched >= since

    async def _newest(
        self, command: LookUpReports, wanted: Callable[[Stored, bool], bool], since: datetime.datetime
    ) -> Stored | None:
        return await self._finder.find(
            command.host,
            HostNotification.type,
            wanted,
            since=since,
            now=self._clock.now().wall,
            failed=command.failed,
        )
