"""What masakari may have made of a host whose outage is over: out of service, until a person puts it back.

Pure. masakari's engine puts a host on maintenance, and disables it in nova, with each report of it that it works off;
nothing but a person ends that. So whoever's report masakari has, or may have (it was under way when it was taken back,
or its answer was lost), is owed a look. `TABLE` says what ends that: every pair is listed.
"""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.outside import moment


class Owed(StrEnum):
    """What is known of it."""

    NOTHING = "nothing"
    MAYBE = "masakari may have its report"
    TAKEN = "masakari has its report"
    """And its engine is not known to have begun with it."""
    OUT = "out of service"
    """masakari has it on maintenance."""


class News(StrEnum):
    """What moves it."""

    DOUBT = "over, with a report of which nobody knows"
    """The outage has ended before masakari was known to have its report, or to have refused it."""
    TOLD = "over, with a report that masakari has"
    ARRIVED = "accepted late"
    """masakari has taken a report of an outage that was over."""
    FLAGGED = "on maintenance"
    IN_SERVICE = "in service"
    """As masakari's segments were read since."""
    STILL_IN_SERVICE = "in service still"
    """As they were read when its engine would long have come to a report."""
    GIVEN_UP = "given up"
    """masakari gives up what it has not begun with within a day, and it recovers nothing of who is in no enabled
    segment."""


_O, _N = Owed, News

TABLE: Mapping[tuple[Owed, News], Owed] = {
    (_O.NOTHING, _N.DOUBT): _O.MAYBE,
    (_O.MAYBE, _N.DOUBT): _O.MAYBE,
    (_O.TAKEN, _N.DOUBT): _O.TAKEN,
    (_O.OUT, _N.DOUBT): _O.OUT,
    **{(owed, news): _O.TAKEN for owed in Owed for news in (_N.TOLD, _N.ARRIVED)},
    **{(owed, _N.FLAGGED): _O.OUT for owed in Owed if owed is not _O.NOTHING},
    (_O.NOTHING, _N.FLAGGED): _O.NOTHING,
    **{(owed, _N.GIVEN_UP): _O.NOTHING for owed in Owed},
    (_O.NOTHING, _N.IN_SERVICE): _O.NOTHING,
    (_O.MAYBE, _N.IN_SERVICE): _O.MAYBE,
    (_O.TAKEN, _N.IN_SERVICE): _O.TAKEN,
    (_O.OUT, _N.IN_SERVICE): _O.NOTHING,
    (_O.NOTHING, _N.STILL_IN_SERVICE): _O.NOTHING,
    (_O.MAYBE, _N.STILL_IN_SERVICE): _O.NOTHING,
    # Its engine may be away: who has the report comes to it yet.
    (_O.TAKEN, _N.STILL_IN_SERVICE): _O.TAKEN,
    (_O.OUT, _N.STILL_IN_SERVICE): _O.NOTHING,
}
"""What was owed, and what is known now -> what is owed."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is owed, and since when: the outage was over, or the report that came late was taken.

    Of before a restart only the wall time is known.
    """

    owed: Owed
    at: Instant


def moved(before: Aftermath | None, news: News, now: Instant) -> Aftermath | None:
    """What is owed after the news; None: nothing."""
    owed = TABLE[before.owed if before is not None else Owed.NOTHING, news]
    if owed is Owed.NOTHING:
        return None
    begins = before is None or news in (News.DOUBT, News.TOLD, News.ARRIVED)
    if before is not None and owed is before.owed and not begins:
        return before
    return Aftermath(owed, now if begins or before is None else before.at)


def memo(aftermath: Aftermath) -> JSON:
    """What must survive a restart."""
    return {"owed": aftermath.owed.name, "at": aftermath.at.wall.isoformat()}


def restore(kept: JSON) -> Aftermath | None:
    """The opposite; what cannot be understood is owed from the day on which computers began: a reading ends it."""
    if kept is None:
        return None
    words = kept if isinstance(kept, dict) else {}
    word = str(words.get("owed"))
    owed = Owed[word] if word in Owed.__members__ else Owed.MAYBE
    return Aftermath(owed, Instant(-math.inf, moment(words.get("at")) or _NEVER))


_NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
