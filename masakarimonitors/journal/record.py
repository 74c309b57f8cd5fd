"""One record of the journal, and its line in the file: a table of facts with closed kinds. Pure.

In: a verdict, or a step of a report. Out: a line of JSON, and from a line the record again. Sentences are made when it
is shown (`story.py`). A line that says nothing is no record; one of a kind that a later release has added is a record
of the kind `NEWER`, and a key that is not known is passed over.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import Notification, ReportStatus
from masakarimonitors.core.outside import moment
from masakarimonitors.core.printable import masked, printable
from masakarimonitors.outbox.rows import ENGINE_SAYS, Row
from masakarimonitors.status.model import VerdictRecord

LONGEST = 1000
"""Characters of one value that are kept: a storm of a thousand hosts names them all."""


class Kind(StrEnum):
    """What a record tells of."""

    STARTED = "started"
    """The monitor began to watch."""
    STOPPED = "stopped"
    """It ended in order; one that was killed says nothing."""
    VERDICT = "verdict"
    """A ruling on a subject."""
    MADE = "made"
    """A report was made, or stood by."""
    SENT = "sent"
    """It was offered to masakari for the first time."""
    ANSWERED = "answered"
    """A try has failed, or masakari has called it a duplicate: it waits on."""
    ENDED = "ended"
    """It has ended: delivered, refused, withdrawn or expired."""
    FOLLOWED = "followed"
    """masakari says something new of it."""
    LOST = "lost"
    """So many records before this one are lost."""
    NEWER = "newer"
    """What a later release has written, and this one does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecord:
    """What happened, when, in which monitor, and to whom; all else where its kind has it, and empty elsewhere.

    Of a verdict: `ruling`, by which `rule`, `why`, on what `evidence`, by which `source`, that has `seen` what;
    `alarm`. Of a report: its number (`report`), what it says (`type`, `host`, `says`, `generated`: its generated_time),
    whether masakari's engine acts on that (`acted_on`; an earlier release did not note it), `status`, masakari's last
    `answer` and `uuid` of it, and how often it was offered (`tries`). `count`: of how many lost ones. `word`: the kind
    of one that is `NEWER`; the version of a monitor that was started.
    """

    kind: Kind
    at: datetime.datetime
    monitor: str
    subject: str = ""
    ruling: str = ""
    rule: str = ""
    why: str = ""
    evidence: str = ""
    source: str = ""
    seen: str = ""
    alarm: bool = False
    report: int | None = None
    type: str = ""
    host: str = ""
    says: str = ""
    acted_on: bool = False
    generated: str = ""
    status: str = ""
    answer: str = ""
    uuid: str = ""
    tries: int = 0
    count: int = 0
    word: str = ""


_NAMES = [one.name for one in fields(JournalRecord) if one.name not in ("kind", "at")]
# By these it is found again: as masakari and the status have them, whatever they look like.
_NAMES_IT = frozenset({"monitor", "subject", "host", "uuid"})
_TEXTS = frozenset(one.name for one in fields(JournalRecord) if one.type is str)
_NUMBERS = frozenset({"report", "tries", "count"})
_FLAGS = frozenset({"alarm", "acted_on"})


def to_line(record: JournalRecord) -> bytes:
    """Its line, with its end: what is empty is left out, and nothing in it passes for another line or a command."""
    told: dict[str, Any] = {"kind": record.kind.value, "at": record.at.isoformat(timespec="milliseconds")}
    for name in _NAMES:
        value = getattr(record, name)
        if value:
            told[name] = _clean(value, name) if isinstance(value, str) else value
    return (
        json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
        + b"\n"
    )


def from_line(line: bytes) -> JournalRecord | None:
    """The record of that line; None where it is none, such as the torn end of a file."""
    try:
        told = json.loads(line)
        at, word = moment(told["at"]), told["kind"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if at is None or not isinstance(word, str):
        return None
    known: dict[str, Any] = {name: told[name] for name in _TEXTS if isinstance(told.get(name), str)}
    known |= {name: told[name] for name in _NUMBERS if type(told.get(name)) is int}
    known |= {name: told.get(name) is True for name in _FLAGS}
    known |= {"at": at, "monitor": known.get("monitor", "")}
    try:
        return JournalRecord(**known | {"kind": Kind(word)})
    except ValueError:
        return JournalRecord(**known | {"kind": Kind.NEWER, "word": word})


def of_verdict(monitor: str, told: VerdictRecord) -> JournalRecord:
    """A ruling."""
    verdict = told.verdict
    return JournalRecord(
        kind=Kind.VERDICT,
        at=told.at.wall,
        monitor=monitor,
        subject=verdict.subject,
        ruling=verdict.ruling.value,
        rule=verdict.rule,
        why=verdict.why,
        evidence=verdict.evidence,
        source=told.source,
        seen=told.seen,
        alarm=verdict.alarm,
        report=told.report,
    )


def of_life(monitor: str, kind: Kind, now: Instant, version: str = "") -> JournalRecord:
    """The monitor was started, or has stopped."""
    return JournalRecord(kind=kind, at=now.wall, monitor=monitor, word=version)


def of_row(monitor: str, row: Row, before: Row | None, now: Instant) -> JournalRecord | None:
    """What has happened to a report since it was `before`; None: nothing that matters."""
    kind = _step(row, before)
    if kind is None:
        return None
    told = JournalRecord(
        kind=kind,
        at=now.wall,
        monitor=monitor,
        subject=row.subject,
        why=row.why if kind is Kind.MADE else "",
        report=row.id,
        generated=row.notification.generated_time.isoformat() if row.notification else "",
        status=row.status.value,
        answer=row.answer,
        uuid=""
        if row.is_unseen
        else row.followed or (before.followed if before and not before.is_unseen else ""),
        tries=row.attempts,
    )
    return saying(told, row.notification)


def saying(record: JournalRecord, told: Notification | None) -> JournalRecord:
    """The record, with what the report that it is of says; None: nothing that is known."""
    if told is None:
        return record
    says = " ".join(told.payload.values())
    return replace(record, type=told.type, host=told.hostname, says=says, acted_on=told.is_acted_on)


def _step(row: Row, before: Row | None) -> Kind | None:
    """By what it differs from what was last told of it."""
    if row.status is not ReportStatus.PENDING:
        if before is None:
            return Kind.FOLLOWED if ENGINE_SAYS in row.answer else Kind.ENDED
        if before.status is not row.status:
            return Kind.ENDED
        return Kind.FOLLOWED if before.answer != row.answer else None
    if before is None:
        return _FIRST[row.attempts > 0, bool(row.answer)]
    if row.answer != before.answer:
        return Kind.ANSWERED
    if row.attempts > before.attempts == 0:
        return Kind.SENT
    return Kind.MADE if row.why != before.why else None


_FIRST: Mapping[tuple[bool, bool], Kind] = {
    (False, False): Kind.MADE,
    (False, True): Kind.ANSWERED,
    (True, False): Kind.SENT,
    (True, True): Kind.ANSWERED,
}
"""(was it offered, was it answered) -> what is told of one that was not heard of before."""


def _clean(text: str, name: str) -> str:
    text = text[: 2 * LONGEST]
    return printable(text if name in _NAMES_IT else masked(text), LONGEST)
