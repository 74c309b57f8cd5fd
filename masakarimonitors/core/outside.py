"""Text that others wrote, JSON, XML and moments, read so that all that can be wrong with it is one kind of fault.

In: the text, as it came. Out: plain values, or a ValueError whose words say what is wrong; whoever reads it by these
needs to know no other exception of the parsers, and nothing small becomes large by being read. Pure; what makes a
tree of XML is `system/files/xml_text.py`.
"""

import datetime
import json
import re
from typing import Any

from masakarimonitors.core.decision import Instant

DEEPEST = 200
"""Elements of XML that may stand inside of each other: libvirt and Pacemaker stay below 20."""

# All that may come before the root element; possessive, so that no text makes it try twice.
_DOCTYPE = re.compile(r"\ufeff?(?:\s++|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)

EARLIEST = datetime.datetime(2, 1, 1, tzinfo=datetime.UTC)
LATEST = datetime.datetime(9000, 1, 1, tzinfo=datetime.UTC)
"""What lies before or behind is no moment of any clock (Go writes the year 1 for none), and at the calendar's ends
neither a zone nor an age can be reckoned with."""


def read_json(text: str | bytes) -> Any:
    """What the JSON says; raises ValueError, also for what stands inside of itself without end, and for no number."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("lists or objects stand inside of each other, too deep to read") from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def refuse_doctype(text: str) -> None:
    """Raises ValueError where a document type is declared: its entities make anything of a few bytes."""
    if _DOCTYPE.match(text):
        raise ValueError("it declares a document type, as no document does that is read here")


def moment(text: object) -> datetime.datetime | None:
    """The moment that an ISO 8601 text with a zone names, in UTC; None for whatever else, and never an error."""
    found = _read(text)
    return None if found is None or found.tzinfo is None else _in_range(found)


def known_moment(text: object) -> datetime.datetime:
    """As `moment`, where there must be one; raises ValueError for whatever else."""
    if (found := moment(text)) is None:
        raise ValueError(f"{text!r:.40} is no moment in a known zone")
    return found


def moment_in_utc(text: object) -> datetime.datetime | None:
    """As `moment`; a text without a zone is one of UTC, as masakari and keystone write them."""
    found = _read(text)
    if found is None:
        return None
    return _in_range(found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC))


def moment_before(text: object, now: Instant) -> Instant | None:
    """That moment by both clocks, by its age at `now`; None for one that is still to come, too.

    There the clock was set back, or is not set yet, and how long ago it was nobody knows.
    """
    wall = moment(text)
    if wall is None or wall > now.wall:
        return None
    return Instant(now.monotonic - (now.wall - wall).total_seconds(), wall)


def _read(text: object) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _in_range(found: datetime.datetime) -> datetime.datetime | None:
    # Compared as written: to turn it into UTC first fails at the calendar's ends.
    return found.astimezone(datetime.UTC) if EARLIEST <= found < LATEST else None
