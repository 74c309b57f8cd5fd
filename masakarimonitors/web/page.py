"""What stands on the page: each element with its list, its place in it, and what its template is told. Pure.

In: the monitors as they were seen, the last day and the newest reports. Out: `Element`s. No alarm is ever left out;
where something else is, its list says how much. Every time has its date and says that it is UTC.
"""

import datetime
import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from masakarimonitors.core.outside import moment
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status import fleet
from masakarimonitors.status.health import Level
from masakarimonitors.web.lives import MEANS, Life, Seen, Wrong, shown_time, wrongs
from masakarimonitors.web.past import OnDisk
from masakarimonitors.web.timeline import picture

TOP = 5
"""Of what is wrong, so many stand in the summary, which is to fit one screen; all of it stands below."""

VERDICTS = 80
"""The newest verdicts of all monitors together that are shown."""

_LEVELS = frozenset(level.value for level in Level)
_EPOCH_END = 10**14
_SOURCES = (
    ("view", "views", "view", "proven", "why"),
    ("source", "sources", "state", "running", "last_fault"),
)
"""What it is, in which list of the status, how it stands there, in which word it is well, and what says why."""
_MARKS = {"up": "✓", "down": "✗", "left": "←", "unknown": "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page is made of; `host`: what this host is called."""

    host: str
    version: str
    now: datetime.datetime
    seen: Sequence[Seen]
    told: OnDisk = field(default_factory=OnDisk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element: `kind` names its template, which is told `data`; `urgent` ones are told first."""

    id: str
    box: str
    key: str
    kind: str
    data: Mapping[str, Any]
    urgent: bool = False


def elements(shown: Shown) -> Iterator[Element]:
    """All of the page, each with an id of its own: what is there twice is shown twice."""
    times: Counter[str] = Counter()
    for one in _elements(shown):
        times[one.id] += 1
        yield one if times[one.id] == 1 else replace(one, id=f"{one.id}-{times[one.id]}")


def _elements(shown: Shown) -> Iterator[Element]:
    wrong = wrongs(shown.seen)
    yield from _summary(shown, wrong)
    for one in shown.seen:
        yield from _silences(one)
        yield from _sources(one)
        yield from _subjects(one)
        yield from _fleet(one)
        yield from _picture(one, shown)
    yield from _verdicts(shown.seen)
    yield from _reports(shown)
    for number, fault in enumerate([*_faults(shown.seen), *shown.told.faults]):
        yield Element(
            id=f"fault-{number}",
            box="faults",
            key=f"{number:06}",
            kind="fault",
            data={"words": fault},
            urgent=True,
        )


# -- the summary ------------------------------------------------------------------------------------


def _summary(shown: Shown, wrong: Sequence[Wrong]) -> Iterator[Element]:
    running = [one.runs for one in shown.seen if one.runs is not None]
    rows = [row for snapshot in running for row in _rows(snapshot, "subjects")]
    delivered = [row for snapshot in running for row in _rows(snapshot, "delivered")]
    level = "blind" if any(one.blind for one in wrong) else "degraded" if wrong else "ok"
    yield Element(
        id="headline",
        box="head",
        key="",
        kind="headline",
        data={
            "level": level,
            "top": wrong[:TOP],
            "more": max(0, len(wrong) - TOP),
            "alarms": sum(bool(row.get("alarm")) for row in [*rows, *delivered]),
            "held": sorted(Counter(str(row["held"]) for row in rows if row.get("held")).items()),
            "unheard": sum(one.runs is None and one.life is not Life.ABSENT for one in shown.seen),
            "heard": bool(running),
            "pending": sum(_number(_part(snapshot, "outbox").get("pending")) for snapshot in running),
            "title": f"{level}: {shown.host}",
        },
        urgent=True,
    )
    for number, one in enumerate(shown.seen):
        yield _monitor(one, number)
    for fault in wrong:
        yield Element(
            id=_id("w", fault.monitor, fault.subject, fault.kind),
            box="wrong",
            key=f"{0 if fault.blind else 1} {fault.since} {fault.monitor} {fault.subject}",
            kind="wrong",
            data={"one": fault},
            urgent=True,
        )


def _faults(seen: Sequence[Seen]) -> Iterator[str]:
    """Of each monitor what it keeps for people to see."""
    for one in seen:
        for fault in _rows(one.runs, "faults"):
            yield f"{one.name}, {shown_time(moment(fault.get('at')))}: {fault.get('text')}"


def _monitor(one: Seen, number: int) -> Element:
    snapshot = one.runs or {}
    level = str(snapshot.get("health")) if one.runs is not None else ""
    up = moment(snapshot.get("at"))
    seconds = snapshot.get("up_seconds")
    if up is not None and isinstance(seconds, int | float):
        try:
            # To the minute: it is told from the monitor's own clocks, which differ by a moment each time.
            up = (up - datetime.timedelta(seconds=seconds)).replace(second=0, microsecond=0)
        except (OverflowError, ValueError):
            up = None
    return Element(
        id=f"m-{one.name}",
        box="monitors",
        key=str(number),
        kind="monitor",
        data={
            "name": one.name,
            "level": level if level in _LEVELS else "unknown" if one.runs is not None else one.life.value,
            "quiet": one.life is Life.ABSENT,
            "version": str(snapshot.get("version", "")),
            "up": f"{up:%Y-%m-%d %H:%M} UTC" if up is not None and one.runs is not None else "",
            "since": shown_time(one.since),
            "last": shown_time(one.at) if one.runs is None else "",
            "words": MEANS.get(one.life, ""),
            "why": one.why,
            "causes": len(_rows(snapshot, "causes")),
            "shadow": _shadow(snapshot),
        },
        urgent=level != "ok",
    )


def _shadow(snapshot: Mapping[str, Any]) -> str:
    """How a shadow agrees with those who act; empty of a monitor that acts."""
    counts = _part(_part(snapshot, "shadow"), "agreement")
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def _silences(one: Seen) -> Iterator[Element]:
    """What people have asked for."""
    for row in _rows(one.runs, "silences"):
        name, ends = str(row.get("id")), moment(row.get("ends")) or moment(row.get("until"))
        yield Element(
            id=_id("q", one.name, name),
            box="silences",
            key=f"{shown_time(ends)} {one.name} {name}",
            kind="silence",
            data={
                "monitor": one.name,
                "name": name,
                "target": str(row.get("target")),
                "until": shown_time(ends),
                "author": str(row.get("author")),
                "reason": str(row.get("reason")),
            },
        )


# -- from left to right -----------------------------------------------------------------------------


def _sources(one: Seen) -> Iterator[Element]:
    for what, rows, word, well, why in _SOURCES:
        for row in _rows(one.runs, rows):
            name, stands = str(row.get("name")), str(row.get(word))
            fine = stands == well
            yield Element(
                id=_id(what, one.name, name),
                box="sources",
                key=f"{int(fine)} {one.name} {what} {name}",
                kind="source",
                data={
                    "monitor": one.name,
                    "what": what,
                    "name": name,
                    "stands": stands,
                    "fine": fine,
                    "since": shown_time(moment(row.get("since"))),
                    "why": str(row.get(why) or ""),
                    "failures": _number(row.get("failures")),
                },
                urgent=not fine,
            )


def _subjects(one: Seen) -> Iterator[Element]:
    """Whatever needs somebody, in full; and everything, in a small square each."""
    grid = _part(one.runs, "grid")
    columns = _words(grid.get("columns"))
    seen = {str(subject): _words(words) for subject, words in _part(grid, "rows").items()}
    alarmed: set[str] = set()
    for number, row in enumerate(_rows(one.runs, "subjects")):
        subject, alarm, held = str(row.get("subject")), bool(row.get("alarm")), str(row.get("held") or "")
        if alarm:
            alarmed.add(subject)
        if alarm or held:
            yield _attention(one.name, row, subject, alarm, held)
        if subject not in seen:
            yield _tile(one.name, number, subject, str(row.get("state")), alarm)
    for row in _rows(one.runs, "delivered"):
        if row.get("alarm"):
            subject = str(row.get("subject"))
            yield _attention(one.name, row, subject, True, "")
    if columns:
        yield Element(
            id=f"columns-{one.name}",
            box="columns",
            key=one.name,
            kind="columns",
            data={"columns": columns, "count": len(seen)},
        )
    for subject, words in seen.items():
        name = subject.partition(":")[2] or subject
        yield Element(
            id=_id("g", one.name, subject),
            box="hosts",
            key=name.casefold(),
            kind="host",
            data={
                "subject": subject,
                "name": name,
                "plain": all(word == "up" for word in words),
                "marks": [
                    (column, word, _MARKS.get(word, "?"))
                    for column, word in zip(columns, words, strict=False)
                ],
                "alarm": subject in alarmed,
            },
            urgent=subject in alarmed,
        )


def _fleet(one: Seen) -> Iterator[Element]:
    """How the monitors of all hosts stand beside this one: a line in all, and a row for each that is not as most."""
    told = _part(one.runs, "fleet")
    for number, line in enumerate(fleet.lines(told)):
        yield Element(
            id=f"fleet-{one.name}-{number}",
            box="fleet-words",
            key=f"{one.name} {number}",
            kind="words",
            data={"words": line},
        )
    for number, row in enumerate(_rows(told, "hosts")):
        host = str(row.get("host"))
        yield Element(
            id=_id("f", one.name, host),
            box="fleet",
            key=f"{number:06}",
            kind="peer",
            data={
                "host": host,
                "state": str(row.get("state")),
                "version": str(row.get("version") or ""),
                "detail": str(row.get("detail") or ""),
                "said": shown_time(moment(row.get("told"))) if row.get("told") else "",
            },
        )


def _attention(monitor: str, row: Mapping[str, Any], subject: str, alarm: bool, held: str) -> Element:
    state, detail = str(row.get("state")), str(row.get("detail") or "")
    return Element(
        id=_id("s", monitor, subject, "" if alarm else held, state),
        box="attention",
        key=f"{int(not alarm)} {monitor} {subject.casefold()} {state}",
        kind="subject",
        data={
            "monitor": monitor,
            "subject": subject,
            "link": ":" in subject,
            "state": state,
            "detail": detail,
            "alarm": alarm,
            "held": held,
        },
        urgent=alarm,
    )


def _tile(monitor: str, number: int, subject: str, state: str, alarm: bool) -> Element:
    return Element(
        id=_id("t", monitor, subject, str(number) if ":" not in subject else ""),
        box=f"things-{monitor}",
        key=subject.casefold(),
        kind="thing",
        data={"subject": subject, "link": ":" in subject, "state": state, "alarm": alarm},
        urgent=alarm,
    )


def _verdicts(seen: Sequence[Seen]) -> Iterator[Element]:
    found = [(one.name, row) for one in seen for row in _rows(one.runs, "verdicts")]
    found.sort(key=lambda one: str(one[1].get("at", "")), reverse=True)
    for monitor, row in found[:VERDICTS]:
        at = moment(row.get("at"))
        words = [str(row.get(word) or "") for word in ("at", "subject", "ruling", "why", "evidence")]
        yield Element(
            id=_id("j", monitor, *words),
            box="verdicts",
            key=_backwards(at),
            kind="verdict",
            data={
                "monitor": monitor,
                "at": shown_time(at),
                "subject": words[1],
                "ruling": words[2],
                "why": words[3],
                "evidence": words[4],
                "alarm": bool(row.get("alarm")),
                "report": row.get("report"),
            },
        )
    yield Element(
        id="verdict-count",
        box="verdict-counts",
        key="",
        kind="count",
        data={
            "shown": min(len(found), VERDICTS),
            "of": len(found),
            "what": "verdicts since the monitors' starts",
        },
    )


def _reports(shown: Shown) -> Iterator[Element]:
    for one in shown.seen:
        rows = shown.told.reports.get(one.name)
        waits = {
            str(row.get("subject")): str(row.get("why"))
            for row in _rows(_part(one.runs, "outbox"), "waiting")
        }
        stands = {str(row.get("subject")): str(row.get("state")) for row in _rows(one.runs, "delivered")}
        for row in rows or ():
            yield _report(one.name, row, waits, stands)
        pending = _number(_part(one.runs, "outbox").get("pending"))
        known = sum(row.status.value == "pending" for row in rows or ())
        if pending > known:
            yield Element(
                id=f"pending-{one.name}",
                box="reports",
                key=f"0 {one.name}",
                kind="unlisted",
                data={"monitor": one.name, "count": pending - known},
                urgent=True,
            )


def _report(monitor: str, row: Row, waits: Mapping[str, str], stands: Mapping[str, str]) -> Element:
    status = row.status.value
    pending = status == "pending"
    said = row.notification
    return Element(
        id=f"r-{monitor}-{row.id}",
        box="reports",
        key=f"{int(not pending)} {_backwards(row.updated or row.created)} {monitor} {row.id:012}",
        kind="report",
        data={
            "monitor": monitor,
            "number": row.id,
            "subject": row.subject,
            "says": " ".join(said.payload.values()) if said is not None else "",
            "made": shown_time(row.created),
            "updated": shown_time(row.updated),
            "status": status,
            "bad": status in ("refused", "expired"),
            "pending": pending,
            "tries": row.attempts,
            "answer": row.answer,
            "uuid": "" if row.is_unseen else row.followed,
            "why": row.why,
            "waits": waits.get(row.subject, "") if pending else "",
            "stands": stands.get(row.subject, "") if status == "delivered" else "",
        },
        urgent=pending or status in ("refused", "expired"),
    )


def _picture(one: Seen, shown: Shown) -> Iterator[Element]:
    events = shown.told.events.get(one.name, ())
    if not events and one.life is Life.ABSENT:
        return
    blind = {
        str(view.get("name")): since
        for view in _rows(one.runs, "views")
        if view.get("view") != "proven" and (since := moment(view.get("since"))) is not None
    }
    # Anew only with each full minute: in between the line of the present does not move.
    now = shown.now.replace(second=0, microsecond=0)
    drawn = picture([one for one in events if one.at <= shown.now], blind, now, runs=one.life is Life.RUNS)
    yield Element(
        id=f"p-{one.name}",
        box="pictures",
        key=one.name,
        kind="picture",
        data={"monitor": one.name, "drawn": drawn},
    )


# -- what is read of a document ---------------------------------------------------------------------


def _rows(document: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]]:
    found = (document or {}).get(name)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _part(document: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    found = (document or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _words(value: Any) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def _id(kind: str, *words: str) -> str:
    told = "\0".join(words).encode("utf-8", "backslashreplace")
    return f"{kind}-{hashlib.blake2s(told, digest_size=8).hexdigest()}"


def _backwards(at: datetime.datetime | None) -> str:
    """What sorts the newest first."""
    return f"{_EPOCH_END - round((at.timestamp() if at is not None else 0) * 1000):015}"
