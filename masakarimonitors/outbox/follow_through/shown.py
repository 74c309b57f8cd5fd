"""The followed reports as rows of the status: alarms where a person must look; what is too much is one row. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from masakarimonitors.outbox import messages
from masakarimonitors.outbox.follow_through.let_go import LetGo
from masakarimonitors.outbox.follow_through.report import Report, sentence
from masakarimonitors.outbox.progress import ALARMS, UNSURE
from masakarimonitors.status.health import Kind
from masakarimonitors.status.model import SubjectRow

MOST = 1000
"""So many reports are shown one by one; of more, the oldest are one row."""
OLDER = "older reports at masakari"
"""The subject under which the status tells of those that are not shown one by one."""
READING = "masakari's notifications"
"""The subject under which the status says that they cannot be read."""
_NAMED = 10


def rows(reports: Sequence[Report], let_go: Mapping[str, LetGo], now: float) -> list[SubjectRow]:
    """Each that is followed, oldest first, and where it stands at monotonic second `now`; `let_go` by subject."""
    one_by_one = [
        SubjectRow(
            one.row.subject,
            one.progress.value,
            sentence(one, now),
            one.progress in ALARMS,
            harms=Kind.UNSURE if one.progress in UNSURE else None,
        )
        for one in reports[-MOST:]
    ]
    return [*one_by_one, *_older(reports[:-MOST], let_go)]


def unread(count: int, seconds: float, why: str, alarm: bool) -> SubjectRow:
    """That masakari could not be read for so long, and why."""
    told = messages.UNREAD.format(count=count, minutes=seconds / 60, why=why)
    return SubjectRow(READING, "unread", told, alarm, harms=Kind.API)


def _older(reports: Sequence[Report], let_go: Mapping[str, LetGo]) -> Sequence[SubjectRow]:
    """What is not shown one by one, in one row: what needs people must not go because there is more of it."""
    older = Counter(one.progress for one in reports)
    told = []
    if older:
        stand = ", ".join(f"{progress.value}: {count}" for progress, count in older.items())
        told.append(messages.OLDER.format(count=older.total(), stand=stand))
    if let_go:
        named = ", ".join(
            f"{subject} ({one.progress.value})" for subject, one in list(let_go.items())[-_NAMED:]
        )
        more = f" and {len(let_go) - _NAMED} more" if len(let_go) > _NAMED else ""
        told.append(messages.LET_GO.format(count=len(let_go), named=named + more))
    if not told:
        return ()
    unsure = bool(let_go) or any(progress in UNSURE for progress in older)
    alarm = unsure or any(progress in ALARMS for progress in older)
    return [SubjectRow(OLDER, "followed", ". ".join(told), alarm, harms=Kind.UNSURE if unsure else None)]
