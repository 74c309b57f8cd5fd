"""The story of one subject: what it is like now, in the first line, and how that came about. Pure; here are the words.

In: what the monitors that run say of it (JSON, as `status/unix_socket.ask` gives it), records of the journal, rows of
the outbox. Out: lines for people, and a document for programs.
"""

import datetime
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.explained import Passage, Standing
from masakarimonitors.core.notification import HostNotification, ProcessNotification, ReportStatus
from masakarimonitors.core.outside import moment
from masakarimonitors.journal.record import JournalRecord, Kind, saying, to_line
from masakarimonitors.outbox.rows import Row

MOST = 60
"""Records of the past that are shown, the newest; all of them are in the JSON."""

BROUGHT_ABOUT = datetime.timedelta(days=1)
"""A report that masakari took so long before it put its host on maintenance may be why."""
_READ_LATE = datetime.timedelta(minutes=2)
"""By so much the clocks may differ, and a flag have been read before the answer was."""

_WORST = (
    Standing.REFUSED,
    Standing.HELD,
    Standing.OFF,
    Standing.WAITING,
    Standing.TOLD,
    Standing.ACTING,
    Standing.SUSPECTED,
    Standing.UNSEEN,
    Standing.WELL,
    Standing.UNWATCHED,
)

UNKNOWN = "Nothing is known of {} here: no monitor that runs knows of it, and no journal tells of it."
NOT_HEARD = "Nothing is known of {} here: not all could be asked or read that may know of it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one monitor that runs says of one subject."""

    monitor: str
    at: datetime.datetime | None
    explained: Mapping[str, Any]

    @property
    def standing(self) -> Standing | None:
        """None where it does not watch it, and only its outbox knows of it; or says what this release does not know."""
        try:
            return Standing(str(self.explained.get("standing")))
        except ValueError:
            return None

    def gates(self) -> list[Mapping[str, Any]]:
        """Each gate of the subject, and then those of its oldest report that waits."""
        oldest = self.rows("waiting")[:1]
        return [*self.rows("gates"), *(gate for one in oldest for gate in rows(one.get("gates")))]

    def rows(self, key: str) -> list[Mapping[str, Any]]:
        """What is told under this key, as far as it makes sense."""
        return rows(self.explained.get(key))


def rows(told: Any) -> list[Mapping[str, Any]]:
    """Of an answer's list what makes sense: it may be another program's, or a later release's."""
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One subject: what is told of it now, and its past, oldest first; `now`: when it is told.

    `others`: records about other subjects of the same host that bear on it. `report`: the one that was asked for.
    """

    subject: str
    now: datetime.datetime
    told: Sequence[Answer] = ()
    past: Sequence[JournalRecord] = ()
    others: Sequence[JournalRecord] = ()
    report: int | None = None

    @property
    def known(self) -> bool:
        """Whether anything is known of it."""
        return bool(self.told or self.past)

    @property
    def first(self) -> Answer | None:
        """The monitor whose word matters most."""
        standing = [one for one in self.told if one.standing is not None]
        return min(standing, key=lambda one: _WORST.index(_standing(one)), default=None)


def of_rows(monitor: str, rows: Iterable[Row], records: Sequence[JournalRecord]) -> list[JournalRecord]:
    """What the outbox tells of reports of which the journal does not: made before there was one, or lost to it."""
    known = {
        record.report for record in records if record.monitor == monitor and record.kind is not Kind.VERDICT
    }
    found: list[JournalRecord] = []
    for row in rows:
        if row.id in known:
            continue
        begun = JournalRecord(
            kind=Kind.MADE,
            at=row.created,
            monitor=monitor,
            subject=row.subject,
            why=row.why,
            report=row.id,
            status=ReportStatus.PENDING.value,
        )
        made = saying(begun, row.notification)
        found.append(made)
        if row.status is not ReportStatus.PENDING:
            found.append(
                replace(
                    made,
                    kind=Kind.ENDED,
                    at=row.updated or row.created,
                    why="",
                    status=row.status.value,
                    answer=row.answer,
                    uuid="" if row.is_unseen else row.followed,
                    tries=row.attempts,
                )
            )
    return found


def bears_on(record: JournalRecord, subject: str) -> bool:
    """Whether a report about another subject matters to this one: one of a process, to its host, for masakari puts that
    on maintenance."""
    return (
        record.type == ProcessNotification.type
        and record.subject != subject
        and subject == f"host:{record.host}"
        and record.kind in (Kind.MADE, Kind.ENDED, Kind.FOLLOWED)
    )


def first_line(story: Story) -> str:
    """What whoever was woken up must know."""
    line = _of_report(story) if story.report is not None else ""
    told = story.first
    if told is not None:
        return f"{line}{_FIRST[_standing(told)](story, told)}"
    return line + _without_monitor(story)


def lines(story: Story) -> Iterator[tuple[str, ...]]:
    """All of it after the first line, in columns."""
    for told in story.told:
        yield from _now(told, story.past)
    past = sorted([*story.past, *story.others], key=lambda record: record.at)
    if past:
        more = f", the last {MOST} of {len(past)}" if len(past) > MOST else ""
        yield (f"what happened (UTC{more}):",)
    for record in past[-MOST:]:
        other = record.subject if record.subject != story.subject else ""
        yield (
            "",
            f"{record.at:%Y-%m-%d %H:%M:%S}",
            record.monitor,
            " ".join(filter(None, (other, sentence(record)))),
        )


def as_json(story: Story) -> dict[str, JSON]:
    """For programs."""
    past = sorted([*story.past, *story.others], key=lambda record: record.at)
    return {
        "subject": story.subject,
        "at": story.now.isoformat(),
        "first_line": first_line(story),
        "now": [{"monitor": one.monitor, **one.explained} for one in story.told],
        "past": [_document(record) for record in past],
    }


def sentence(record: JournalRecord) -> str:
    """One record in words."""
    return " ".join(_SENTENCES[record.kind](record).split())


def _document(record: JournalRecord) -> JSON:
    document: JSON = json.loads(to_line(record))
    return document


# -- the first line ---------------------------------------------------------------------------------


def _standing(told: Answer) -> Standing:
    standing = told.standing
    assert standing is not None
    return standing


def _name(story: Story) -> str:
    return _short(story.subject)


def _short(subject: str) -> str:
    """As people call it: a process by what follows its last slash."""
    kind, _, name = subject.partition(":")
    return (name.rsplit("/", 1)[-1] if kind == "process" else name) or subject


def _since(story: Story, told: Answer, word: str = "since") -> str:
    since = moment(told.explained.get("since"))
    return f" {word} {_clock(since, story.now)}" if since is not None else ""


def _clock(when: datetime.datetime, now: datetime.datetime) -> str:
    same_day = when.date() == now.astimezone(datetime.UTC).date()
    return f"{when:%H:%M} UTC" if same_day else f"{when:%Y-%m-%d %H:%M} UTC"


def _why(told: Answer) -> str:
    return str(told.explained.get("why") or "no reason is given").rstrip(".")


def _off(story: Story, told: Answer) -> str:
    because = _because(story, told) if told.explained.get("by_maintenance") else ""
    return f"HA is off for {_name(story)}{_since(story, told)}: {_why(told)}{because}."


def _because(story: Story, told: Answer) -> str:
    """Which report has brought the maintenance about, as far as this host knows."""
    since = moment(told.explained.get("since"))
    taken = [
        record
        for record in (*story.past, *story.others)
        if record.kind is Kind.ENDED
        and record.status == ReportStatus.DELIVERED.value
        and _puts_on_maintenance(record)
        and (since is None or since - BROUGHT_ABOUT <= record.at <= since + _READ_LATE)
    ]
    if not taken:
        return ". By whom is not known here: see `openstack notification list`, or ask on the host itself"
    last = max(taken, key=lambda record: record.at)
    what = "its failure" if last.type == HostNotification.type else _short(last.subject)
    return f" because {what} was reported"


def _puts_on_maintenance(record: JournalRecord) -> bool:
    return record.acted_on and record.type in (HostNotification.type, ProcessNotification.type)


def _held(story: Story, told: Answer) -> str:
    until = next(
        (moment(gate.get("until")) for gate in told.gates() if gate.get("passage") == Passage.HOLDS), None
    )
    again = f" (looked at again at {_clock(until, story.now)})" if until is not None else ""
    return f"{_name(story)} fails{_since(story, told)} and masakari is not told: {_why(told)}{again}."


def _waiting(story: Story, told: Answer) -> str:
    shut = next((gate for gate in reversed(told.gates()) if gate.get("passage") == Passage.HOLDS), None)
    waiting = told.rows("waiting")
    number = f" (report {waiting[0].get('report')})" if waiting else ""
    why = f": {shut.get('why') or shut.get('reason')}" if shut is not None else "; it is being sent"
    failed = f"{_name(story)} has failed{_since(story, told, 'at')}"
    return f"{failed}, and masakari does not have its report{number} yet{why}."


def _refused(story: Story, told: Answer) -> str:
    return (
        f"{_name(story)} has failed{_since(story, told, 'at')}, and masakari has refused its report: {_why(told)}. "
        "Nobody recovers it."
    )


def _told_masakari(story: Story, told: Answer) -> str:
    delivered = told.rows("delivered")
    if told.rows("waiting"):
        return _waiting(story, told)
    alarm = next((one for one in delivered if one.get("alarm")), None)
    where = f"; there it is: {delivered[-1].get('state')}" if delivered else ""
    if alarm is not None:
        where = f"; {alarm.get('state')}: {alarm.get('detail')}"
    shadow = bool(told.explained.get("shadow"))
    end = ReportStatus.WOULD_BE_SENT if shadow else ReportStatus.DELIVERED
    ended = [one for one in story.past if one.kind is Kind.ENDED and one.status == end.value]
    which = f" (report {ended[-1].report}{_notification(ended[-1])})" if ended else ""
    was = "would have been told by this shadow" if shadow else "was told"
    return f"{_name(story)} has failed{_since(story, told, 'at')}, and masakari {was}{which}: {_why(told)}{where}."


def _acting(story: Story, told: Answer) -> str:
    return f"{_name(story)} is down{_since(story, told)}, and this is being done: {_why(told)}."


def _suspected(story: Story, told: Answer) -> str:
    until = next(
        (moment(gate.get("until")) for gate in told.gates() if gate.get("passage") == Passage.HOLDS), None
    )
    again = f" (until {until.astimezone(datetime.UTC):%H:%M:%S} UTC)" if until is not None else ""
    return f"Nothing of {_name(story)} is due for masakari yet{_since(story, told)}: {_why(told)}{again}."


def _unseen(story: Story, told: Answer) -> str:
    return f"Nobody can say how {_name(story)} is{_since(story, told)}: {_why(told)}."


def _well(story: Story, told: Answer) -> str:
    return f"{_name(story)} is well{_since(story, told)}: {_why(told)}."


def _unwatched(story: Story, told: Answer) -> str:
    return f"{_name(story)} is not judged here: {_why(told)}."


_FIRST: Mapping[Standing, Callable[[Story, Answer], str]] = {
    Standing.WELL: _well,
    Standing.OFF: _off,
    Standing.SUSPECTED: _suspected,
    Standing.ACTING: _acting,
    Standing.HELD: _held,
    Standing.WAITING: _waiting,
    Standing.REFUSED: _refused,
    Standing.TOLD: _told_masakari,
    Standing.UNSEEN: _unseen,
    Standing.UNWATCHED: _unwatched,
}
"""What is said first, by where the subject stands."""


def _without_monitor(story: Story) -> str:
    if not story.past:
        return UNKNOWN.format(_name(story))
    last = story.past[-1]
    when = f"{last.at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    who = "No monitor that watches it answers here" if not story.told else "No monitor watches it any more"
    now = f"{who}, so how {_name(story)} is now is not known"
    return f"{now}. Last of it, by {last.monitor} at {when}: {sentence(last)}."


def _of_report(story: Story) -> str:
    steps = [one for one in story.past if one.report == story.report and one.kind is not Kind.VERDICT]
    if not steps:
        return ""
    last = steps[-1]
    when = _clock(last.at, story.now)
    status = last.status or ReportStatus.PENDING.value
    answer = f" ({last.answer})" if last.answer else ""
    return (
        f"Report {story.report} about {story.subject} is {status} since {when}{_notification(last)}{answer}. "
    )


def _notification(record: JournalRecord) -> str:
    return f", notification {record.uuid}" if record.uuid else ""


# -- the rest ---------------------------------------------------------------------------------------


def _now(told: Answer, past: Sequence[JournalRecord]) -> Iterator[tuple[str, ...]]:
    at = f" at {told.at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC" if told.at is not None else ""
    explained = told.explained
    yield (f"{told.monitor}{at}:",)
    if "standing" in explained:
        yield ("", "stands", "", f"{explained['standing']}: {_why(told)}")
    if explained.get("evidence"):
        yield ("", "seen", "", str(explained["evidence"]))
    yield from (_gate(_dated(gate, past)) for gate in told.rows("gates"))
    for report in told.rows("waiting"):
        tries = f", offered {_times(report.get('tries'))}" if report.get("tries") else ""
        yield ("", f"report {report.get('report')}", "waits", f"made because {report.get('why')}{tries}")
        yield from (_gate(gate) for gate in rows(report.get("gates")))
    for report in told.rows("delivered"):
        yield ("", "report", str(report.get("state")), str(report.get("detail")))


def _dated(gate: Mapping[str, Any], past: Sequence[JournalRecord]) -> Mapping[str, Any]:
    """With since when it holds, by the verdict that said so, where the monitor does not tell."""
    if gate.get("since") or gate.get("passage") != Passage.HOLDS:
        return gate
    verdicts = [one for one in past if one.kind is Kind.VERDICT]
    if not verdicts or not verdicts[-1].rule or verdicts[-1].rule != gate.get("reason"):
        return gate
    return {**gate, "since": verdicts[-1].at.isoformat()}


def _gate(gate: Mapping[str, Any]) -> tuple[str, ...]:
    said = [str(gate["why"])] if gate.get("why") else []
    for word in ("since", "until"):
        when = moment(gate.get(word))
        if when is not None:
            said.append(f"{word} {when:%Y-%m-%d %H:%M:%S} UTC")
    shut = gate.get("passage") in (Passage.HOLDS, Passage.WOULD_HOLD)
    if shut and gate.get("release"):
        said.append(f"what opens it: {gate['release']}")
    return "", "gate", str(gate.get("passage")), "; ".join([str(gate.get("gate")), *said])


def _verdict(one: JournalRecord) -> str:
    by = " ".join(filter(None, (one.source, one.seen)))
    rule = f"rule: {one.rule}" if one.rule else ""
    report = f"report {one.report}" if one.report is not None else ""
    about = "; ".join(filter(None, (one.evidence, f"by {by}" if by else "", rule, report)))
    return f"{one.ruling}: {one.why}" + (f" [{about}]" if about else "")


def _times(count: object) -> str:
    return "once" if count == 1 else f"{count} times"


def _report(one: JournalRecord) -> str:
    return f"report {one.report} ({one.type} {one.host} {one.says})"


def _ended(one: JournalRecord) -> str:
    answer = f": {one.answer}" if one.answer else ""
    tries = "1 try" if one.tries == 1 else f"{one.tries} tries"
    return f"{_report(one)} {one.status} after {tries}{_notification(one)}{answer}"


_SENTENCES: Mapping[Kind, Callable[[JournalRecord], str]] = {
    Kind.STARTED: lambda one: f"the monitor was started ({one.word})",
    Kind.STOPPED: lambda one: "the monitor was stopped",
    Kind.VERDICT: _verdict,
    Kind.MADE: lambda one: f"{_report(one)} made" + (f": {one.why}" if one.why else ""),
    Kind.SENT: lambda one: f"{_report(one)} sent to masakari-api",
    Kind.ANSWERED: lambda one: f"{_report(one)}, try {one.tries}, waits on: {one.answer or 'no answer yet'}",
    Kind.ENDED: _ended,
    Kind.FOLLOWED: lambda one: f"{_report(one)}: {one.answer}",
    Kind.LOST: lambda one: (
        f"{one.count} records before this one are lost: the disk did not take them in time"
    ),
    Kind.NEWER: lambda one: f"a record of a later release ({one.word}), which this one does not know",
}
"""What is said of a record, by its kind."""
