"""What masakari may have made of a host whose outage is over: out of service, until a person puts it back.

Pure. masakari's engine puts a host on maintenance, and disables it in nova, with each report of it that it works off;
nothing but a person ends that. So whoever's report masakari has, or may have (it was under way when it was taken back,
or its answer was lost), is owed a look. `TABLE` says what ends that: every pair is listed.

A flag that is seen set, and then not, is one end. A flag that is not set proves nothing by itself, for the engine may
not have come to the report yet; and it may have been set and lifted between two readings. Then masakari is asked what
has become of its reports of the host: its engine sets the flag as the first thing, so a host that is in service after
it has ended with all of them has been put back.
"""

import datetime
import math
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.outside import moment
from masakarimonitors.hostmonitor.core.ledger import Words
from masakarimonitors.hostmonitor.core.observation import LookUpReports, ReportsFound
from masakarimonitors.hostmonitor.core.outages.outage import Act, Outage

ASKED_EACH = 180.0
"""Seconds after which masakari is asked once more what has become of its report; its engine is at one for 219."""


class Owed(StrEnum):
    """What is known of it."""

    NOTHING = "nothing"
    MAYBE = "masakari may have its report"
    TAKEN = "masakari has its report"
    """And its engine is not known to have begun with it."""
    ENDED = "masakari has ended with its report"
    """So it is out of service, unless it is seen in service since: then it was put back."""
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
    """As they were read when its engine would long have come to a report, where masakari cannot be asked for it."""
    NOT_THERE = "masakari has no such report"
    """Asked so late that what was under way would have arrived."""
    UNDER_WAY = "masakari has not ended with it"
    ENDED = "masakari has ended with all of them"
    GIVEN_UP = "given up"
    """masakari gives up what it has not begun with within a day, and it recovers nothing of who is in no enabled
    segment."""


_O, _N = Owed, News

TABLE: Mapping[tuple[Owed, News], Owed] = {
    (_O.NOTHING, _N.DOUBT): _O.MAYBE,
    (_O.MAYBE, _N.DOUBT): _O.MAYBE,
    (_O.TAKEN, _N.DOUBT): _O.TAKEN,
    # Another one may be there, of which nothing was asked yet.
    (_O.ENDED, _N.DOUBT): _O.MAYBE,
    (_O.OUT, _N.DOUBT): _O.OUT,
    **{(owed, news): _O.TAKEN for owed in Owed for news in (_N.TOLD, _N.ARRIVED)},
    **{(owed, _N.FLAGGED): _O.OUT for owed in Owed if owed is not _O.NOTHING},
    **{(owed, _N.GIVEN_UP): _O.NOTHING for owed in Owed},
    **{(_O.NOTHING, news): _O.NOTHING for news in News if news not in (_N.DOUBT, _N.TOLD, _N.ARRIVED)},
    (_O.MAYBE, _N.IN_SERVICE): _O.MAYBE,
    (_O.TAKEN, _N.IN_SERVICE): _O.TAKEN,
    (_O.ENDED, _N.IN_SERVICE): _O.NOTHING,
    (_O.OUT, _N.IN_SERVICE): _O.NOTHING,
    (_O.MAYBE, _N.STILL_IN_SERVICE): _O.NOTHING,
    # Its engine may be away: who has the report comes to it yet.
    (_O.TAKEN, _N.STILL_IN_SERVICE): _O.TAKEN,
    (_O.ENDED, _N.STILL_IN_SERVICE): _O.NOTHING,
    (_O.OUT, _N.STILL_IN_SERVICE): _O.NOTHING,
    (_O.MAYBE, _N.NOT_THERE): _O.NOTHING,
    # It said that it has it, so it is not asked for the right one.
    (_O.TAKEN, _N.NOT_THERE): _O.TAKEN,
    (_O.ENDED, _N.NOT_THERE): _O.ENDED,
    (_O.OUT, _N.NOT_THERE): _O.OUT,
    (_O.MAYBE, _N.UNDER_WAY): _O.TAKEN,
    (_O.TAKEN, _N.UNDER_WAY): _O.TAKEN,
    (_O.ENDED, _N.UNDER_WAY): _O.TAKEN,
    (_O.OUT, _N.UNDER_WAY): _O.OUT,
    (_O.MAYBE, _N.ENDED): _O.ENDED,
    (_O.TAKEN, _N.ENDED): _O.ENDED,
    (_O.ENDED, _N.ENDED): _O.ENDED,
    # The flag was seen, so only its absence says that it is over.
    (_O.OUT, _N.ENDED): _O.OUT,
}
"""What was owed, and what is known now -> what is owed."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is owed, and since when: the outage was over, the report that came late was taken, or masakari was seen to
    have ended with it.

    Of before a restart only the wall time is known. `asked`: the open question about masakari's list; `found`: its
    answer, until that is judged; `due`: the monotonic second at which it is asked again. `heard`: this monitor has not
    seen the outage end, and knows of it by the ledger alone.
    """

    owed: Owed
    at: Instant
    _: KW_ONLY
    anothers: bool = False
    """It was told by another monitor while all reported: for as long as all do, that one looks after it. Not kept over
    a restart, after which this one does so, too."""
    told: datetime.datetime | None = None
    """Since when (wall time) a report of it may have been made; None: not known, by a record of an earlier release."""
    asked: LookUpReports | None = None
    found: ReportsFound | None = None
    due: float = -math.inf
    heard: bool = False

    @property
    def is_asked_for(self) -> bool:
        """Whether masakari's list can say more of it."""
        return self.owed in (Owed.MAYBE, Owed.TAKEN)


BEGINS = (News.DOUBT, News.TOLD, News.ARRIVED)
"""What begins it anew, whatever was known of reports before."""


def moved(
    before: Aftermath | None, news: News, now: Instant, told: datetime.datetime | None = None
) -> Aftermath | None:
    """What is owed after the news; None: nothing. `told` (aware): since when such a report may have been made."""
    owed = TABLE[before.owed if before is not None else Owed.NOTHING, news]
    if owed is Owed.NOTHING:
        return None
    if before is None or news in BEGINS:
        if before is not None and before.told is not None and told is not None:
            told = min(before.told, told)
        return Aftermath(owed, now, told=told)
    if owed is before.owed:
        return before
    return replace(before, owed=owed, at=now if owed is Owed.ENDED else before.at, found=None)


def owed_of(
    before: Aftermath | None, outage: Outage, acts: Collection[Act], now: Instant
) -> Aftermath | None:
    """What is owed after these moves of an outage: only NORMAL is acted on."""
    news = News.TOLD if Act.OWE in acts else News.DOUBT if Act.OWE_PERHAPS in acts else None
    report = outage.report
    if news is None or report is None or not outage.told_normal:
        return before
    return moved(before, news, now, min(outage.failed.wall, report.made_at))


def heard(aftermath: Aftermath, found: ReportsFound) -> Aftermath:
    """With the answer to its question, which is judged with the host; asked again after a while."""
    return replace(aftermath, asked=None, found=found, due=found.at.monotonic + ASKED_EACH)


def inherited(before: Aftermath | None, words: Words) -> Aftermath:
    """With what the ledger says is owed: the outage may have ended while this monitor was not there to see it.

    Who has seen it end knows better when that was, and is told no more than that masakari has a report.
    """
    theirs = restore(dict(words))
    assert theirs is not None
    if before is None or before.heard:
        return before if before is not None and said(before) == words else replace(theirs, heard=True)
    if before.owed is Owed.MAYBE and theirs.owed is not Owed.MAYBE:
        return replace(before, owed=TABLE[before.owed, News.UNDER_WAY])
    return before


def is_out(words: Words) -> bool:
    """Whether the ledger says that the host was out of service, so that it was put back if it is not any more."""
    return words.get("owed") in (Owed.OUT.name, Owed.ENDED.name)


def said(aftermath: Aftermath) -> Words:
    """What whoever reports next must know."""
    told = {} if aftermath.told is None else {"told": aftermath.told.isoformat()}
    return {"owed": aftermath.owed.name, "at": aftermath.at.wall.isoformat(), **told}


def memo(aftermath: Aftermath) -> JSON:
    """What must survive a restart."""
    return {**said(aftermath), **({"heard": True} if aftermath.heard else {})}


def restore(kept: JSON) -> Aftermath | None:
    """The opposite; what cannot be understood is owed from the day on which computers began: a reading ends it."""
    if kept is None:
        return None
    words = kept if isinstance(kept, dict) else {}
    word = str(words.get("owed"))
    owed = Owed[word] if word in Owed.__members__ else Owed.MAYBE
    at = moment(words.get("at")) or _NEVER
    told = moment(words.get("told"))
    return Aftermath(owed, Instant(-math.inf, at), told=told, heard=words.get("heard") is True)


_NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
