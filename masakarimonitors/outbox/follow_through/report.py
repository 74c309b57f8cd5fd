"""One report that masakari has: where it stands, by the looks at it so far, and how people are told of it. Pure."""

import math
from dataclasses import dataclass

from masakarimonitors.masakari_lists import Stored
from masakarimonitors.outbox import messages
from masakarimonitors.outbox.progress import UNRECOVERED, Progress, Said, Seen
from masakarimonitors.outbox.rows import Row

# Looks on which it hangs when people are told of a report; those after them only show when an alarm is over.
_EARLY = 4
MILD = frozenset({Progress.TRIED_ONCE, Progress.UNCLEAR})
"""Alarms of what may well go on by itself."""
# Characters that are shown of a word of masakari's.
_WORD = 60
_OWN_WORDS = frozenset({Said.NEW, Said.RUNNING, Said.ERROR, Said.FINISHED, Said.IGNORED, Said.FAILED})


@dataclass(slots=True, kw_only=True)
class Report:
    """One that is followed, from monotonic second `born` on; `due`: that of its next look."""

    row: Row
    born: float
    due: float
    progress: Progress = Progress.DELIVERED
    looks: int = 0
    looked: float = -math.inf
    # How often in a row masakari has known no such notification: what stands before it may say so once.
    unknown: int = 0
    seen: Seen | None = None
    seen_at: float = 0.0
    stored: Stored | None = None
    # Whether masakari has its host on maintenance, as last seen.
    rests: bool | None = None

    @property
    def uuid(self) -> str:
        """What masakari calls it, or what stands for that where it is not known."""
        return self.row.followed

    @property
    def hostname(self) -> str:
        """Its host; empty where the row makes no sense."""
        return self.row.notification.hostname if self.row.notification else ""

    @property
    def is_late(self) -> bool:
        """Whether nothing hangs on its next look but that an alarm goes in time."""
        return self.looks >= _EARLY if self.progress not in UNRECOVERED else self.rests is not None


def sentence(report: Report, now: float, what: Said | None = None, why: str = "") -> str:
    """One sentence of where it stands at monotonic second `now`; `what` or `why` has brought it there."""
    seconds = report.seen.seconds + now - report.seen_at if report.seen else now - report.born
    return messages.PROGRESS[report.progress].format(
        about=called(report),
        what=messages.NOT_RECOVERED[kind(report.row)].format(
            subject=report.row.subject.partition(":")[2], hostname=report.hostname
        ),
        minutes=seconds / 60,
        status=report.seen.status[:_WORD] if report.seen else "",
        why=why or (what.value if what else ""),
    )


def word(progress: Progress, what: Said) -> str:
    """What is kept with the row: masakari's own word where it has said one."""
    return what.value if what in _OWN_WORDS else progress.value


def shows_its_end(report: Report) -> bool:
    """Whether masakari shows that somebody has seen to it: a host that was given up stays on maintenance until then."""
    return report.progress is Progress.FAILED and kind(report.row) != "VM" and report.stored is not None


def kind(row: Row) -> str:
    """masakari's type of it: COMPUTE_HOST, VM or PROCESS."""
    return row.notification.type if row.notification else "VM"


def called(report: Report) -> str:
    """What it is about, and what masakari calls it."""
    return f"{report.row.subject} (notification {report.uuid})"
