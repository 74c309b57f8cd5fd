"""Has a row arrived? masakari's own notifications tell, when an answer was lost or means nothing.

In: a row. Out: whether masakari has it, and what was seen. Never raises for what masakari says: whoever
asks has a report to deliver.
"""

import asyncio
import logging
from dataclasses import dataclass

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostNotification, Notification
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import ReportFinder, Stored, near
from masakarimonitors.outbox.delivery.fates import Presence
from masakarimonitors.outbox.rows import Row

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whether masakari has the report, and what was seen; `uuid`: masakari's own of it, where it has."""

    presence: Presence
    evidence: str
    uuid: str = ""


class Arrivals:
    """Looks for rows among masakari's notifications."""

    def __init__(self, finder: ReportFinder | None = None, patience: float = 60.0) -> None:
        """Look through `finder` (without one nothing is ever known), for `patience` seconds at most.

        The row's subject waits for the answer.
        """
        self._finder = finder
        self._patience = patience

    async def look(self, row: Row, now: Instant) -> Arrival:
        """Whether masakari has this row, told by us or, of a host's failure, by another monitor."""
        if self._finder is None or row.notification is None:
            return Arrival(Presence.UNKNOWN, "masakari's notifications cannot be read here")
        try:
            async with asyncio.timeout(self._patience):
                found = await self._find(self._finder, row, row.notification, now)
        except LookupFailed as fault:
            return Arrival(Presence.UNKNOWN, f"masakari's notifications cannot be read ({fault})")
        except TimeoutError:
            return Arrival(
                Presence.UNKNOWN, f"masakari's notifications could not be read within {self._patience:.0f} s"
            )
        except Exception as error:  # an odd row, or an odd answer, must not end the delivery of all others
            LOG.exception(
                "Looking for the report about %s at masakari failed in an unforeseen way", row.subject
            )
            return Arrival(Presence.UNKNOWN, f"masakari's notifications: {type(error).__name__}: {error}")
        if found is None:
            return Arrival(Presence.ABSENT, "masakari has no such notification of this failure")
        return Arrival(Presence.THERE, f"masakari has it as notification {found.uuid}", found.uuid)

    async def _find(self, finder: ReportFinder, row: Row, told: Notification, now: Instant) -> Stored | None:
        stamps = (row.made_at, told.generated_time)
        # What is older than the failure may be about the outage before, which ended; the decision knows when this one
        # began. Another monitor may have told it before this row was made, and masakari have got that since.
        since = min(*stamps, row.since or row.made_at)

        def wanted(stored: Stored, recent: bool) -> bool:
            if stored.payload != told.payload:
                return False
            # Our own stamp is proof by itself, whatever the clocks have done since.
            return near(stored.generated_time, stamps) or (recent and isinstance(told, HostNotification))

        # Nor is it one of which masakari was told that it is over, before this row was made.
        return await finder.find(
            told.hostname, told.type, wanted, since=since, now=now.wall, failed=min(stamps)
        )
