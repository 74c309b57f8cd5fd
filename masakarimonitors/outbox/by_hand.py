"""What a person does to a single report of a running monitor: have it offered at once, or drop it for good.

In: which report, who asks and why. Out: what was done, in words. Nothing is sent that may not be sent: a report that
nobody has confirmed, that its monitor holds, or that waits for masakari's engine goes on waiting, and the answer says
for what. A dropped report is a failure that nobody is told of, because somebody wanted it so: that is a verdict, with
their name.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.notification import Leave
from masakarimonitors.outbox.delivery.delivery import Delivery
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.service.log_fields import event

LOG = logging.getLogger(__name__)

# Seconds for the disk, less than whoever asks waits for the answer (`unix_socket.PATIENCE`).
_PATIENCE = 3.0


class Act(StrEnum):
    """What may be asked for."""

    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`act` on report `row`, wanted by `who` because of `why` (may be empty)."""

    act: Act
    row: int
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """Whether it was done, in a sentence or two what is so now, and the id of the silence that it is about, if any."""

    done: bool
    said: str
    silence: str = ""


class ByHand:
    """Takes such wishes; on the loop's thread."""

    def __init__(
        self,
        outbox: Outbox,
        delivery: Delivery,
        clock: Clock,
        *,
        may_offer: Callable[[Row], Leave],
        on_dropped: Callable[[Verdict], None],
    ) -> None:
        """`may_offer`: the monitor's word on a row. `on_dropped` is told the verdict on each that is dropped."""
        self._outbox = outbox
        self._delivery = delivery
        self._clock = clock
        self._may_offer = may_offer
        self._on_dropped = on_dropped

    async def do(self, asked: Asked) -> Done:
        """Do it, or say why not. What is dropped stands on disk when this returns, or the answer says otherwise."""
        row = self._outbox.pending_row(asked.row)
        if row is None:
            return Done(False, f"Report {asked.row} does not wait any more: nothing is done.")
        match asked.act:
            case Act.RETRY:
                return self._retry(row, asked)
            case Act.DROP:
                return await self._drop(row, asked)

    def _retry(self, row: Row, asked: Asked) -> Done:
        about = f"The report about {row.subject}"
        if why := self._not_at_once(row):
            return Done(False, f"{about} is not offered at once: {why}.")
        self._delivery.hurry(row)
        LOG.info(
            "The report about %s is offered at once, as %s wants",
            row.subject,
            asked.who,
            extra=event("report.retried", subject=row.subject, report_id=row.id, who=asked.who),
        )
        return Done(
            True, f"{about} is offered now; `masakari-monitors outbox show` tells what becomes of it."
        )

    def _not_at_once(self, row: Row) -> str:
        timing, pacing = self._delivery.timing, self._delivery.pacing
        if self._delivery.is_in_flight(row.subject):
            return "masakari-api is being asked at this very moment"
        if self._outbox.is_unconfirmed(row):
            return (
                "it is of before the monitor's last start, and goes when its subject is seen to fail still. "
                "`masakari-monitors status` says what it waits for"
            )
        if timing.in_window(row.id):
            seconds = timing.due(row.id) - self._clock.now().monotonic
            return (
                "masakari takes it for a duplicate of an earlier report, and would again; it is offered anew in "
                f"{max(seconds, 0.0):.0f} s, when it does so no longer"
            )
        for waiting in pacing.waiting():
            if waiting.subject == row.subject:
                return f"it waits for its turn at masakari's engine ({waiting.why})"
        if self._may_offer(row) is not Leave.NOW:
            return "its monitor does not let it leave at this moment; `masakari-monitors status` says why"
        return ""

    async def _drop(self, row: Row, asked: Asked) -> Done:
        flying = self._delivery.is_in_flight(row.subject)
        words = dropped(asked, row, flying=flying)
        self._delivery.give_up(row, words)
        self._on_dropped(Verdict(row.subject, Ruling.WITHDRAWN, words, evidence=row.why, alarm=True))
        said = f"The report about {row.subject} is dropped. {arrived(row, flying=flying)}"
        if why := await self._outbox.unkept(_PATIENCE):
            said += (
                f" That is not on disk ({why}): if the monitor ends before it is, the report may wait again."
            )
        return Done(True, said)


def dropped(asked: Asked, row: Row, *, flying: bool) -> str:
    """Who has dropped it, and why, and whether masakari may have it all the same."""
    why = f": {asked.why}" if asked.why else ", who gave no reason"
    doubt = ""
    if flying or row.in_doubt:
        lost = "it was being offered at that moment" if flying else "the answer to an earlier try was lost"
        doubt = f"; masakari may have it all the same, since {lost}"
    return f"the report (number {row.id}) was dropped by {asked.who}{why}{doubt}"


def arrived(row: Row, *, flying: bool) -> str:
    """What masakari may know of a report that was dropped."""
    if flying:
        return "It was being offered at that moment, and may have arrived: see `openstack notification list`."
    if row.in_doubt:
        return "The answer to an earlier try was lost, so it may have arrived: see `openstack notification list`."
    return "masakari is not told of it. What fails is still watched: after a restart it may be reported anew."
