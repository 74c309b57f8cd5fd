"""Why a report that waits has not left: each gate of its delivery in order. Pure.

In: one row, and what the delivery knows of it at this moment. Out: facts for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import GateSeen, gate, in_order, wall_at
from masakarimonitors.core.notification import Leave
from masakarimonitors.outbox.rows import Row


class ReportGate(StrEnum):
    """What a report that waits has to pass, in this order."""

    KEPT = "its report is kept"
    CONFIRMED = "its report is confirmed since the start"
    REACHED = "masakari-api takes reports"
    ITS_TURN = "its turn at masakari's engine"
    ALLOWED = "its monitor lets it leave"
    DUE = "its next try is due"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSeen:
    """One row that waits, and what stands in its way.

    `written`: it is on disk, or has waited for a disk that takes nothing; `unkept`: why what is written at present is
    in memory alone; `unconfirmed`: it is of the last life, and its monitor has not said that it holds. `trouble`: why
    masakari-api is out of reach, and `shut_until`: the monotonic
    second of the next try then; `asked`: that try is under way. `paced`: why it waits for masakari's engine. `due`: the
    monotonic second of its next try; `window`: an older report hides it until then. `expires`: the one at which it is
    given up.
    """

    row: Row
    written: bool = True
    unkept: str = ""
    unconfirmed: bool = False
    trouble: str = ""
    shut_until: float | None = None
    asked: bool = False
    paced: str = ""
    leave: Leave = Leave.NOW
    due: float = 0.0
    window: bool = False
    expires: float | None = None


def gates(seen: RowSeen, now: Instant) -> Sequence[GateSeen]:
    """Each gate, passed or not."""
    row, wait = seen.row, now.monotonic < seen.due
    hidden = "an older report of the same kind hides it at masakari-api" if seen.window else ""
    return in_order(
        [
            _kept(seen),
            gate(
                ReportGate.CONFIRMED,
                holds=seen.unconfirmed,
                why="it was made before this start, and whether it still holds was not seen yet",
                release="Its monitor has to see its subject: mend what keeps it from that. No time releases it.",
            ),
            gate(
                ReportGate.REACHED,
                holds=bool(seen.trouble),
                why=f"{seen.trouble}; it is asked again at this moment" if seen.asked else seen.trouble,
                release="masakari-api, keystone and [api]: `masakari-monitors check`.",
                until=None if seen.asked else wall_at(now, seen.shut_until),
            ),
            gate(
                ReportGate.ITS_TURN,
                holds=bool(seen.paced),
                why=seen.paced,
                release="Nothing: it goes as masakari's engine ends with those before it.",
            ),
            gate(
                ReportGate.ALLOWED,
                holds=seen.leave is not Leave.NOW,
                why=seen.leave.value,
                release="Its monitor takes it back, or lets it go, as soon as it sees how its subject stands.",
            ),
            gate(
                ReportGate.DUE,
                holds=wait,
                why=hidden
                or (row.answer and f"the last try has come to: {row.answer}")
                or "it is tried again",
                release="Nothing: it is offered again by itself.",
                until=wall_at(now, seen.due),
            ),
        ]
    )


def _kept(seen: RowSeen) -> GateSeen:
    """A disk that takes nothing keeps no report back; that it has none of it is said."""
    found = gate(
        ReportGate.KEPT,
        holds=not seen.written,
        why="it is being written, or one before it is",
        release="Nothing, or the disk of [DEFAULT] state_path: see the outbox's fault in the status.",
    )
    if found.shut or not seen.unkept:
        return found
    return replace(found, why=f"perhaps in memory alone, and then it ends with the monitor: {seen.unkept}")
