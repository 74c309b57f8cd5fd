"""Reports of the last life: confirmed, withdrawn or kept, as their monitor says; and told of while they are kept.

In: a monitor's word on each (`core/unconfirmed.py`), asked for whenever its state has changed. Out: rows that may be
offered or are taken back, one verdict for each, and the rows of the status. It promises: no time releases a report, and
none waits in silence.
"""

import logging
from collections.abc import Callable, Sequence
from typing import assert_never

from masakarimonitors.core.decision import Instant, Ruling, Verdict
from masakarimonitors.core.unconfirmed import Say, Unconfirmed, Word, wait
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status.model import SubjectRow

LOG = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds after a start from which a report that is still unconfirmed is an alarm: whatever can be looked at has been
looked at by then."""

UNCONFIRMED = "unconfirmed"
"""The state of such a report in the status, and the reason in the metrics."""

Judge = Callable[[Unconfirmed, Instant], Word]
"""What a monitor says of one of them, by what it knows now."""

_OF_ANOTHER_RELEASE = wait(
    "this release does not understand what it says; the one that wrote it does, and can be started again"
)
_LATE = (
    "it was read only in the midst of this run, which does not remember it, and what it is about was not seen to be "
    "well ({why}); start the monitor again to have it judged with what was remembered"
)
_BROKEN = wait("a bug of this program keeps it from being judged; please report it with the log")


class UnconfirmedReports:
    """The reports of the last life of one monitor that are neither confirmed nor withdrawn."""

    def __init__(
        self,
        outbox: Outbox,
        judge: Judge,
        started: Instant,
        on_forgotten: Callable[[Row, str], None] = lambda row, told: None,
        is_well: Callable[[str], str] = lambda subject: "",
        on_ended: Callable[[Row], None] = lambda row: None,
    ) -> None:
        """`judge` is asked of each; `started`: when this life began. `on_forgotten` is told each that is withdrawn
        although nobody has seen that it is over, and in words why. `is_well`: why a subject is well by now; or
        empty. `on_ended` is told each row that is withdrawn, as it ended."""
        self._on_ended = on_ended
        self._is_well = is_well
        self._on_forgotten = on_forgotten
        self._outbox = outbox
        self._judge = judge
        self._alarm_at = started.monotonic + PATIENCE
        # Ids of rows of which people were told, and of those that could not be judged.
        self._told: set[int] = set()
        self._broken: set[int] = set()

    def review(self, now: Instant) -> Sequence[Verdict]:
        """Do with each what its monitor says of it now; what was done, and what people must look at, in words."""
        verdicts: list[Verdict] = []
        for row in self._outbox.unconfirmed():
            word = self._word(row, now)
            match word.say:
                case Say.CONFIRM:
                    self._outbox.confirm(row)
                    if not row.is_filed:
                        told = f"{_report(row)} is confirmed: {word.why}"
                        verdicts.append(Verdict(row.subject, Ruling.REPORTED, told))
                case Say.WITHDRAW:
                    told = _withdrawn(word)
                    ended = self._outbox.take_back(row, told, now)
                    if ended is not None:
                        self._on_ended(ended)
                    told = f"{_report(row)} is withdrawn: {told}"
                    verdicts.append(Verdict(row.subject, Ruling.WITHDRAWN, told, alarm=word.forgotten))
                    if word.forgotten:
                        self._on_forgotten(row, told)
                case Say.WAIT:
                    if now.monotonic >= self._alarm_at and row.id not in self._told:
                        self._told.add(row.id)
                        verdicts.append(Verdict(row.subject, Ruling.HELD, _kept(row, word), alarm=True))
                case _:
                    assert_never(word.say)
        return verdicts

    def describe(self, now: Instant) -> Sequence[SubjectRow]:
        """For the status: each that waits, and for what; an alarm once it has waited for `PATIENCE`."""
        alarm = now.monotonic >= self._alarm_at
        return [
            SubjectRow(row.subject, UNCONFIRMED, _kept(row, self._word(row, now)), alarm, held=UNCONFIRMED)
            for row in self._outbox.unconfirmed()
        ]

    def _word(self, row: Row, now: Instant) -> Word:
        if row.notification is None:
            return _OF_ANOTHER_RELEASE
        told = row.as_made
        assert told is not None
        try:
            word = self._judge(Unconfirmed(row.subject, told), now)
        except Exception:
            if row.id not in self._broken:
                self._broken.add(row.id)
                LOG.exception("The report about %s could not be judged; it stays unconfirmed", row.subject)
            return _BROKEN
        if word.say is Say.WITHDRAW and self._outbox.is_late(row) and not self._is_well(row.subject):
            # Its monitor knows of no outage that it began without what was remembered of it.
            return wait(_LATE.format(why=word.why))
        return word


def _report(row: Row) -> str:
    return f"the report of {row.made_at:%Y-%m-%d %H:%M:%S} UTC, which was not delivered before this start,"


def _withdrawn(word: Word) -> str:
    look = ", so it is forgotten: look whether it was recovered" if word.forgotten else ""
    return f"{word.why}{look}"


def _kept(row: Row, word: Word) -> str:
    return (
        f"{_report(row)} is not sent before it is known to hold, however long that takes: {word.why}. Look at it; if "
        f"it needs recovery, recover it by hand. It was made because {row.why}"
    )
