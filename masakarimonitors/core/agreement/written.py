"""The book as JSON: for the disk, and what of it is shown; pure.

In: a book. Out: a document, and from the disk's document the book again, or ValueError.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from masakarimonitors.core.agreement.book import Agreement, Book, Pair
from masakarimonitors.core.agreement.told import Statement
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.outside import known_moment

SHOWN = 50
"""So many disagreements are shown, the newest."""

_FORMAT = 1


def to_json(book: Book) -> dict[str, JSON]:
    """All that a later life is to know."""
    return {
        "format": _FORMAT,
        "began": book.began.isoformat(),
        "read": book.read.isoformat() if book.read is not None else None,
        "pending": [_pair(one) for one in book.pending],
        "judged": [_pair(one) for one in book.judged],
        "counts": {state.value: count for state, count in book.counts.items()},
        "known": {uuid: at.isoformat() for uuid, at in book.known.items()},
        "dropped": book.dropped,
    }


def from_json(document: Any, now: datetime.datetime) -> Book:
    """What an earlier life has written, for one that begins `now` (aware); raises ValueError."""
    try:
        if document["format"] != _FORMAT:
            raise ValueError(f"its format is {document['format']!r}, not {_FORMAT}")
        read = document["read"]
        return Book(
            began=min(known_moment(document["began"]), now),
            since=now,
            # What was read in the future was read by another clock.
            read=min(known_moment(read), now) if read is not None else None,
            pending=tuple(_read_pair(one) for one in document["pending"]),
            judged=tuple(_read_pair(one) for one in document["judged"]),
            counts={Agreement(state): int(count) for state, count in document["counts"].items()},
            known={str(uuid): known_moment(at) for uuid, at in document["known"].items()},
            dropped=int(document["dropped"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def shown(book: Book, trouble: str) -> dict[str, JSON]:
    """For people and programs: the counts, and the last disagreements; `trouble`: why masakari cannot be read."""
    return {
        "since": book.began.isoformat(),
        "read": book.read.isoformat() if book.read is not None else None,
        "trouble": trouble,
        "agreement": {state.value: book.count(state) for state in Agreement},
        "not_compared": book.dropped,
        "disagreements": [
            {
                "agreement": one.state.value,
                "subject": one.told.subject,
                "says": one.told.says,
                "at": one.told.at.isoformat(),
                "notification": one.theirs.uuid if one.theirs is not None else "",
                "why": one.why,
            }
            for one in book.disagreements[:SHOWN]
        ],
    }


def _pair(pair: Pair) -> dict[str, JSON]:
    return {
        "state": pair.state.value,
        "ours": _told(pair.ours),
        "theirs": _told(pair.theirs),
        "why": pair.why,
    }


def _told(told: Statement | None) -> dict[str, JSON] | None:
    if told is None:
        return None
    return {
        "subject": told.subject,
        "sense": told.sense,
        "says": told.says,
        "at": told.at.isoformat(),
        "uuid": told.uuid,
    }


def _read_pair(one: Mapping[str, Any]) -> Pair:
    pair = Pair(
        state=Agreement(one["state"]),
        ours=_read_told(one["ours"]),
        theirs=_read_told(one["theirs"]),
        why=str(one["why"]),
    )
    if pair.ours is None and pair.theirs is None:
        raise ValueError("a pair of nothing")
    return pair


def _read_told(one: Mapping[str, Any] | None) -> Statement | None:
    if one is None:
        return None
    subject, sense, says, uuid = (str(one[key]) for key in ("subject", "sense", "says", "uuid"))
    return Statement(subject=subject, sense=sense, says=says, at=known_moment(one["at"]), uuid=uuid)
