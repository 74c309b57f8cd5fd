"""Rows that their monitor does not let leave: since when, and from when on that is an alarm.

In: each row that was not let go, or that was. Out: when it is asked about again, and words for people. The decision
that takes such a report back follows within moments; where none does, nobody else would say so.
"""

import logging
from collections.abc import Callable

from masakarimonitors.core.notification import Leave
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row
from masakarimonitors.system.service.log_fields import event

LOG = logging.getLogger(__name__)

AGAIN = 1.0
"""Seconds until a report that may not leave is looked at again."""
SILENCED_AGAIN = 5.0
"""The same, of one whose subject is silenced, which may be for a day."""
NOT_ITS_REPORT = "its monitor does not tell this of it any more"
"""Why a report is taken back which no decision would take back."""
PATIENCE = 60.0
"""Seconds after which most decisions should long have taken it back, or let it go."""


class HeldBack:
    """The rows that are held back at present."""

    def __init__(
        self,
        outbox: Outbox,
        on_fault: Callable[[str], None],
        patience: float = PATIENCE,
        may_offer: Callable[[Row], Leave] = lambda row: Leave.NOW,
    ) -> None:
        """`on_fault` is told, once for each row, what people must look at; `patience`: after how many seconds.

        `may_offer` is the monitor's word on a row.
        """
        self._may_offer = may_offer
        self._broken: set[int] = set()
        self._outbox = outbox
        self._patience = patience
        self._on_fault = on_fault
        self._since: dict[int, float] = {}
        self._told: set[int] = set()
        self._silenced: set[int] = set()

    def may_offer(self, row: Row) -> Leave:
        """Whether its monitor lets it leave; safe to ask on any thread. A monitor that cannot say so lets nothing go.

        One bug about one report must end neither the delivery of the others nor the process, and that at every start.
        """
        try:
            return self._may_offer(row)
        except Exception:
            if row.id not in self._broken:
                self._broken.add(row.id)
                LOG.exception(
                    "Whether the report about %s may leave could not be judged; it is held", row.subject
                )
            return Leave.LATER

    def hold(self, row: Row, now: float) -> float:
        """The row may not leave at monotonic second `now`; the second at which it is asked about again."""
        if row.id not in self._since:
            self._since[row.id] = now
            LOG.info(
                "The report about %s is held back: its monitor may not report at this moment",
                row.subject,
                extra=event("report.held", subject=row.subject, report_id=row.id),
            )
            self._tidy()
        held = now - self._since[row.id]
        if held >= self._patience and row.id not in self._told:
            self._told.add(row.id)
            words = (
                f"the report about {row.subject} waits for {held:.0f} s because its monitor neither lets it go nor "
                "takes it back: masakari does not know of it. Look whether the failure is real, and recover by hand"
            )
            LOG.error("%s", words)
            self._on_fault(words)
        return now + AGAIN

    def silence(self, row: Row, now: float) -> float:
        """Somebody wants it untold at monotonic second `now`; the second at which it is asked about again.

        That is no alarm of its own, for the silence is one.
        """
        self._silenced.add(row.id)
        self._since.pop(row.id, None)
        self._tidy()
        return now + SILENCED_AGAIN

    def leave_silence(self, row: Row) -> bool:
        """Whether it was silenced until now, so that it is to be told with the time of now."""
        silenced = row.id in self._silenced
        self._silenced.discard(row.id)
        return silenced

    def let_go(self, row: Row) -> None:
        """It leaves, or has ended."""
        self._since.pop(row.id, None)
        self._told.discard(row.id)
        self._broken.discard(row.id)
        self._silenced.discard(row.id)

    def _tidy(self) -> None:
        """Rows that were withdrawn leave theirs behind."""
        if len(self._since) > 2 * self._outbox.waiting + 1000:
            self._since = {key: at for key, at in self._since.items() if self._outbox.is_pending(key)}
            self._told &= self._since.keys()
            self._broken &= self._since.keys()
        if len(self._silenced) > 2 * self._outbox.waiting + 1000:
            self._silenced = {key for key in self._silenced if self._outbox.is_pending(key)}
