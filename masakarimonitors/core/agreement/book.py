"""What both sides have told, put side by side: both, only they, only we, or not known yet; pure.

In: what a shadow would have sent, its verdicts, and what masakari lists of others', whenever either comes. Out: the
next book. Nothing is called "only we" before masakari was read for as long as it takes them, nor "only they" before
this side had its time; where masakari cannot be read, everything stays pending.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from masakarimonitors.core.agreement.told import Statement
from masakarimonitors.core.decision import Ruling

WINDOW = 300.0
"""Seconds between two reports that may still be of one failure. OpenStack's host monitor looks once a minute and asks
BMCs and fencing before it tells; its process monitor tries three restarts; this project's settles, proves and tries as
the options say. Each of these ends within two to four minutes by default. Two failures of one subject are hardly
nearer: masakari takes no second report of one within 180 s."""

LOOK_BACK = 3600.0
"""Seconds before the last reading from which masakari is asked again: their monitors, too, deliver late after an
outage of masakari."""

KEPT = 200
"""So many pairs that were judged are kept, the newest."""
PENDING = 1000
"""So many that are not judged yet; more are counted, and compared with nothing."""
VERDICTS = 500
"""Of so many subjects the last verdict is known."""


class Agreement(StrEnum):
    """How the two sides agree on one failure: a closed set."""

    PENDING = "pending"
    BOTH = "both"
    ONLY_WE = "only we"
    ONLY_THEY = "only they"


@dataclass(frozen=True, slots=True)
class Said:
    """The last verdict on a subject: its ruling and reason, and when (aware) it was made."""

    ruling: str
    why: str
    at: datetime.datetime

    def words(self) -> str:
        """All of it."""
        return f"{self.ruling}: {self.why} ({self.at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What we would have sent and what they have told of one failure, as far as either is known, and why it is so."""

    state: Agreement
    ours: Statement | None
    theirs: Statement | None
    why: str

    @property
    def told(self) -> Statement:
        """The one that there is, ours before theirs."""
        told = self.ours or self.theirs
        assert told is not None
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that is known. `began`: when the comparison began, `since`: this life of the monitor; both aware.

    `read`: when masakari was last asked and has answered. `known`: masakari's uuids of theirs that were taken, with
    their times. `blind`: when it last did not see what it watches, and why. `dropped`: how many were too many.
    """

    began: datetime.datetime
    since: datetime.datetime
    pending: tuple[Pair, ...] = ()
    judged: tuple[Pair, ...] = ()
    counts: Mapping[Agreement, int] = field(default_factory=dict)
    known: Mapping[str, datetime.datetime] = field(default_factory=dict)
    verdicts: Mapping[str, Said] = field(default_factory=dict)
    blind: tuple[datetime.datetime, str] | None = None
    read: datetime.datetime | None = None
    dropped: int = 0

    def count(self, state: Agreement) -> int:
        """How many stand so, since the comparison began."""
        return len(self.pending) if state is Agreement.PENDING else self.counts.get(state, 0)

    @property
    def disagreements(self) -> Sequence[Pair]:
        """Those that are kept, the newest first."""
        return [one for one in reversed(self.judged) if one.state is not Agreement.BOTH]


def ruled(book: Book, subject: str, said: Said) -> Book:
    """A verdict was made on that subject."""
    verdicts = {key: value for key, value in book.verdicts.items() if key != subject}
    verdicts[subject] = said
    return replace(book, verdicts=dict(list(verdicts.items())[-VERDICTS:]))


def blinded(book: Book, at: datetime.datetime, why: str) -> Book:
    """It does not see at that moment."""
    return replace(book, blind=(at, why))


def would_send(book: Book, ours: Statement) -> Book:
    """This is what would have been sent at this moment."""
    if any(_is_same(pair.ours, ours) for pair in (*book.pending, *book.judged)):
        return book  # offered again after a restart
    return _met(book, ours, "ours", "theirs")


def shown(book: Book, theirs: Sequence[Statement], at: datetime.datetime) -> Book:
    """masakari, asked at that moment, lists these of others'."""
    for one in sorted(theirs, key=lambda told: told.at):
        if one.uuid not in book.known:
            book = replace(book, known={**book.known, one.uuid: one.at})
            book = _met(book, one, "theirs", "ours")
    oldest = at - 2 * datetime.timedelta(seconds=LOOK_BACK)
    known = {uuid: moment for uuid, moment in book.known.items() if moment >= oldest}
    return replace(book, read=at, known=known)


def judge(book: Book, now: datetime.datetime) -> Book:
    """What has had its time is told: at each moment at which something may have become known."""
    window = datetime.timedelta(seconds=WINDOW)
    for pair in book.pending:
        late = pair.told.at + window
        if pair.theirs is None:
            if book.read is not None and book.read > late:
                early = "; it may have failed before the comparison began" * (
                    pair.told.at < book.began + window
                )
                why = f"they have not told within {WINDOW:g} s{early}; we: {pair.why or pair.told.says}"
                book = _close(book, pair, replace(pair, state=Agreement.ONLY_WE, why=why))
        elif now > late:
            if pair.told.at < book.began:
                book = _close(book, pair, None)  # nobody watched on this side
            else:
                why = _why_not(book, pair.theirs)
                book = _close(book, pair, replace(pair, state=Agreement.ONLY_THEY, why=why))
    return book


def since_of(book: Book) -> datetime.datetime:
    """From which generated_time on masakari is to be asked at the next reading."""
    first = book.began - datetime.timedelta(seconds=WINDOW)
    return first if book.read is None else max(first, book.read - datetime.timedelta(seconds=LOOK_BACK))


def _is_same(known: Statement | None, told: Statement) -> bool:
    return known is not None and known.means(told) and known.at == told.at


def _apart(pair: Pair, told: Statement) -> float | None:
    """Seconds between it and the nearer of the two; None where they are of different things."""
    known = [one for one in (pair.ours, pair.theirs) if one is not None and one.means(told)]
    return min((abs((one.at - told.at).total_seconds()) for one in known), default=None)


def _met(book: Book, told: Statement, side: str, other: str) -> Book:
    """Whichever comes second meets the first, also one that was judged before it could come."""
    near: list[tuple[float, int, Pair]] = []
    for number, pair in enumerate((*book.pending, *book.judged)):
        apart = _apart(pair, told)
        if apart is not None and apart <= WINDOW:
            near.append((apart, number, pair))
    waiting = [one for one in near if getattr(one[2], side) is None]
    if waiting:
        pair = min(waiting)[2]
        met = replace(pair, ours=told, why="") if side == "ours" else replace(pair, theirs=told, why="")
        return _close(book, pair, replace(met, state=Agreement.BOTH, why=_compared(met)))
    if any(pair.state is Agreement.BOTH or getattr(pair, other) is None for _, _, pair in near):
        return book  # one more word of what was told already
    if len(book.pending) >= PENDING:
        return replace(book, dropped=book.dropped + 1)
    said = book.verdicts.get(told.subject) if side == "ours" else None
    pair = Pair(
        state=Agreement.PENDING,
        ours=told if side == "ours" else None,
        theirs=told if side == "theirs" else None,
        why=said.why if said is not None else "",
    )
    return replace(book, pending=(*book.pending, pair))


def _close(book: Book, pair: Pair, closed: Pair | None) -> Book:
    """The pair is judged, or judged anew; None: it is compared with nothing."""
    counts = dict(book.counts)
    if pair.state is not Agreement.PENDING:
        counts[pair.state] = counts.get(pair.state, 1) - 1
    if closed is not None:
        counts[closed.state] = counts.get(closed.state, 0) + 1
    judged = [one for one in book.judged if one is not pair] + [closed] * (closed is not None)
    return replace(
        book,
        pending=tuple(one for one in book.pending if one is not pair),
        judged=tuple(one for one in judged if one is not None)[-KEPT:],
        counts=counts,
    )


def _compared(pair: Pair) -> str:
    assert pair.ours is not None and pair.theirs is not None
    later = (pair.theirs.at - pair.ours.at).total_seconds()
    when = f"theirs is {abs(later):.0f} s {'later' if later > 0 else 'earlier'}"
    differ = f"; they say {pair.theirs.says}, we {pair.ours.says}" * (pair.theirs.says != pair.ours.says)
    return when + differ


def _why_not(book: Book, theirs: Statement) -> str:
    """Why this side has not told what they have, as far as it knows."""
    window = datetime.timedelta(seconds=WINDOW)
    words = []
    if theirs.at < book.since:
        words.append("this shadow was not running then")
    if book.blind is not None and book.blind[0] >= theirs.at - window:
        words.append(f"it did not see: {book.blind[1]}")
    said = next(
        (one for key, one in book.verdicts.items() if key.casefold() == theirs.subject.casefold()), None
    )
    if said is not None:
        words.append(said.words())
        if said.ruling == Ruling.PLANNED:
            words.append("masakari puts on maintenance what it was told of, so theirs may have come first")
    return "; ".join(words) or "it has ruled nothing about it: it was not seen to fail"
