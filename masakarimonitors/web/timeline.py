"""The last 24 hours of one monitor as a picture: where its bars and marks stand. Pure.

In: what its journal tells, and what it sees now. Out: lanes with bars (it ran; blind; held; each with its end) and
marks (reports, and how they ended), in units of the drawing. Nothing is left out: what stands close together becomes
one bar or one mark with its number.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.journal.record import Kind
from masakarimonitors.web.past import DAY, Event

WIDTH, LEFT, LANE = 1000.0, 84.0, 24
"""Of the drawing, of what stands left of the lanes, and the height of one; all in its own units."""

_SPAN = WIDTH - LEFT
_EDGE = datetime.timedelta(minutes=5)
"""The right edge is the next full step of this, so that the picture does not move all the time."""
_CLOSE = 9.0
"""Marks closer than that are one."""
_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """From `x` on, so wide; `open`: it has not ended; `words`: what it is."""

    x: float
    width: float
    words: str
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """At `x`; `kind` is how it is drawn, `count` how many there are."""

    x: float
    kind: str
    count: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One line of the picture, at height `y`."""

    name: str
    y: int
    bars: Sequence[Bar] = ()
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it; `words` say the same as the picture, in short."""

    lanes: Sequence[Lane]
    ticks: Sequence[tuple[float, str]]
    height: int
    now: float
    words: str


@dataclass(slots=True)
class _Span:
    start: datetime.datetime
    end: datetime.datetime | None
    names: dict[str, None] = field(default_factory=dict)


def picture(
    events: Sequence[Event],
    blind: Mapping[str, datetime.datetime],
    now: datetime.datetime,
    *,
    runs: bool,
) -> Picture:
    """Of one monitor; `blind`: its views that are not proven, and since when; `runs`: it answers now."""
    right = _edge(now)
    left = right - DAY
    place = _Place(left)
    lives = list(_lives(events, runs))
    unseen = [
        *_standing(events, Ruling.BLIND),
        *(_Span(at, None, {name: None}) for name, at in blind.items()),
    ]
    held = list(_standing(events, Ruling.HELD))
    made = [one for one in events if one.kind is Kind.MADE]
    ended = [one for one in events if one.kind is Kind.ENDED]
    lanes = [
        Lane(name="ran", y=0, bars=place.bars(lives, now, "ran")),
        Lane(name="blind", y=LANE, bars=place.bars(unseen, now, "blind")),
        Lane(name="held", y=2 * LANE, bars=place.bars(held, now, "held")),
        Lane(name="reports", y=3 * LANE, marks=place.marks(made, lambda one: "made")),
        Lane(name="ended", y=4 * LANE, marks=place.marks(ended, lambda one: one.status)),
    ]
    delivered = sum(one.status == ReportStatus.DELIVERED.value for one in ended)
    words = (
        f"Last 24 hours: {len(lanes[1].bars)} times blind, {len(lanes[2].bars)} times held, {len(made)} reports made, "
        f"{delivered} of {len(ended)} that ended were delivered."
    )
    return Picture(
        lanes=lanes,
        ticks=[(place.x(at), f"{at:%H:%M}") for at in _hours(left, right)],
        height=5 * LANE + 20,
        now=place.x(now),
        words=words,
    )


def _edge(now: datetime.datetime) -> datetime.datetime:
    step = _EDGE.total_seconds()
    return datetime.datetime.fromtimestamp((now.timestamp() // step + 1) * step, datetime.UTC)


def _hours(left: datetime.datetime, right: datetime.datetime) -> Iterator[datetime.datetime]:
    at = left.replace(minute=0, second=0, microsecond=0)
    while at <= right:
        if at >= left and at.hour % 3 == 0:
            yield at
        at += datetime.timedelta(hours=1)


def _lives(events: Sequence[Event], runs: bool) -> Iterator[_Span]:
    """From each start to the stop, or to the last that was heard before the next start."""
    life: _Span | None = None
    last: datetime.datetime | None = None
    for one in events:
        if one.kind is Kind.STARTED:
            if life is not None:
                life.end = last
                yield life
            life = _Span(one.at, None)
        elif life is None:  # it was started before
            life = _Span(one.at, None)
        last = one.at
        if one.kind is Kind.STOPPED:
            life.end = one.at
            yield life
            life = None
    if life is not None:
        life.end = None if runs else last
        yield life


def _standing(events: Sequence[Event], ruling: Ruling) -> Iterator[_Span]:
    """From a subject's verdict of that ruling to its next of another, or to the next life of the monitor."""
    begun: dict[str, datetime.datetime] = {}
    for one in events:
        if one.kind is Kind.STARTED:
            yield from (_Span(at, one.at, {name: None}) for name, at in begun.items())
            begun.clear()
        elif one.kind is Kind.VERDICT and one.ruling == ruling.value:
            begun.setdefault(one.subject, one.at)
        elif one.kind is Kind.VERDICT and one.subject in begun:
            yield _Span(begun.pop(one.subject), one.at, {one.subject: None})
    yield from (_Span(at, None, {name: None}) for name, at in begun.items())


class _Place:
    """Where moments stand."""

    def __init__(self, left: datetime.datetime) -> None:
        self._left = left

    def x(self, at: datetime.datetime) -> float:
        share = (at - self._left) / DAY
        return round(LEFT + _SPAN * min(1.0, max(0.0, share)), 1)

    def bars(self, spans: Sequence[_Span], now: datetime.datetime, word: str) -> Sequence[Bar]:
        """One for each time in which any of them stands."""
        found: list[_Span] = []
        for span in sorted(spans, key=lambda one: one.start):
            end = found[-1].end if found else None
            if found and (end is None or span.start <= end):
                found[-1].names |= span.names
                found[-1].end = None if end is None or span.end is None else max(end, span.end)
            else:
                found.append(_Span(span.start, span.end, dict(span.names)))
        return [self._bar(span, now, word) for span in found]

    def _bar(self, span: _Span, now: datetime.datetime, word: str) -> Bar:
        x = self.x(span.start)
        until = "now" if span.end is None else f"{span.end:%Y-%m-%d %H:%M:%S} UTC"
        named = f": {_some(list(span.names))}" if span.names else ""
        return Bar(
            x=x,
            width=max(2.0, round(self.x(span.end or now) - x, 1)),
            words=f"{word} from {span.start:%Y-%m-%d %H:%M:%S} UTC to {until}{named}",
            open=span.end is None,
        )

    def marks(self, events: Sequence[Event], kind: Callable[[Event], str]) -> Sequence[Mark]:
        """Those of a kind that stand close together are one."""
        found: list[tuple[float, str, list[Event]]] = []
        for one in events:
            x, name = self.x(one.at), kind(one)
            near = next((mark for mark in reversed(found) if mark[1] == name), None)
            if near is not None and x - near[0] < _CLOSE:
                near[2].append(one)
            else:
                found.append((x, name, [one]))
        return [_mark(x, name, there) for x, name, there in found]


def _mark(x: float, kind: str, there: Sequence[Event]) -> Mark:
    at, named = f"{there[0].at:%Y-%m-%d %H:%M:%S} UTC", _some([one.subject for one in there])
    return Mark(x=x, kind=kind, count=len(there), words=f"{len(there)} {kind}, {at}: {named}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
