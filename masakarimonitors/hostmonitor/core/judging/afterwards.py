"""A host whose outage is over: is it in service again, or does a person have to put it back?

Pure, of one host. In: what masakari may have made of it (`outages/aftermath.py`), and masakari's segments as they were
read. Out: what is owed from now on, and the alarm that stands until that is nothing. Who does not report reads no
segments, and says nothing of it; it keeps it, since it may be the next that reports.
"""

import math
from dataclasses import replace

from masakarimonitors.core.decision import Instant, Ruling
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.judging.asking import UNFINISHED_AGE
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import LookUpReports, Membership
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.aftermath import (
    ASKED_EACH,
    Aftermath,
    News,
    Owed,
    moved,
    owed_of,
)
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Act, Fate, Outage
from masakarimonitors.hostmonitor.core.outages.reasons import Reason

GIVEN_UP_AFTER = 86400.0
"""Seconds after which masakari gives up a report that it has not begun with (its `notifications_expired_interval`)."""

LEFT_TO_OTHERS = 3600.0
"""Seconds for which a host that is out of service is left to whoever has told its failure while all report, or before
its own monitor came to report: that one speaks at once, and its host may have died since."""

_SAID = (Reason.OUT_OF_SERVICE, Reason.NEVER_LOST)


def over(court: Court, judgement: Judgement, outage: Outage, acts: tuple[Act, ...]) -> Judgement:
    """The outage has ended so: what is owed of it."""
    if not outage.told_normal or not court.policy.tells:
        return judgement
    if _is_lifted(court, judgement.name, outage):
        return judgement.but(aftermath=None)
    before = judgement.host.aftermath
    owed = owed_of(before, outage, acts, court.now)
    if owed is not before and owed is not None:
        # Kept all the same: who is elected later reports alone, and may be this one.
        owed = replace(owed, anothers=_is_looked_after(court, outage) and (before is None or before.anothers))
    return judgement.but(aftermath=owed)


def _is_looked_after(court: Court, outage: Outage) -> bool:
    """Whether the monitor that told the failure looks after the return, too: while all report."""
    return court.cluster.reporter.standing is Standing.ALL and outage.fate is Fate.ANOTHERS


def _leaves_it(court: Court, aftermath: Aftermath) -> bool:
    """Whether this monitor leaves it to others at present, which see how it ends."""
    reporter = court.cluster.reporter
    return not reporter.reports or (aftermath.anothers and reporter.standing is Standing.ALL)


def _is_reporters_own(court: Court, name: str) -> bool:
    """Whether it is the host of the monitor that reports by now, which judges all hosts but its own."""
    reporter = court.cluster.reporter
    return reporter.standing is Standing.FOLLOWER and reporter.leader.casefold() == name.casefold()


def _is_lifted(court: Court, name: str, outage: Outage) -> bool:
    """Whether somebody has put it back already."""
    known = court.cluster.segments.hosts is not None
    return outage.flag.was_set and known and name not in court.cluster.maintenance


def note(court: Court, judgement: Judgement) -> Judgement:
    """What masakari's segments, its list of reports, or time, say of it by now."""
    aftermath = judgement.host.aftermath
    if aftermath is not None and not court.policy.tells:  # an earlier release of a shadow has kept one
        return judgement.but(aftermath=None)
    if aftermath is None or judgement.host.outage is not None:
        return judgement
    if aftermath.at.monotonic == -math.inf:
        # Of before the restart: its age is known, and what was read in this life counts from now on.
        aftermath = replace(aftermath, at=Instant(court.monotonic, aftermath.at.wall))
        judgement = judgement.but(aftermath=aftermath)
    after: Aftermath | None = _with_answer(aftermath)
    news = _news(court, judgement.name, after) if after is not None else News.NOT_THERE
    after = moved(after, news, court.now) if news is not None else after
    due = aftermath.at.old_at(GIVEN_UP_AFTER, court.now)
    judgement = judgement.again(due) if due > court.monotonic else judgement
    if after is not None:
        speaks = speaks_at(court, judgement.name, after)
        judgement = judgement.again(speaks) if speaks > court.monotonic else judgement
        judgement, after = _ask(court, judgement, after)
    if after is aftermath:
        return judgement
    told = judgement.host.told
    judgement = judgement.but(aftermath=after)
    if after is not None or told is None or told.reason not in _SAID:
        return judgement
    why = _ENDS.get(news, messages.IN_SERVICE) if news is not None else messages.IN_SERVICE
    return judgement.but(told=None).say(Ruling.RECOVERED, why)


_ENDS = {News.GIVEN_UP: messages.GIVEN_UP, News.NOT_THERE: messages.NOT_THERE}


def _with_answer(aftermath: Aftermath) -> Aftermath | None:
    """With what masakari has answered, if it has."""
    found = aftermath.found
    if found is None:
        return aftermath
    heard = replace(aftermath, found=None)
    if found.found is None:
        return heard
    news = News.NOT_THERE if not found.found else News.ENDED if found.finished else News.UNDER_WAY
    # What is read from then on says whether the host is in service still.
    return moved(heard, news, found.at)


def _ask(court: Court, judgement: Judgement, aftermath: Aftermath) -> tuple[Judgement, Aftermath]:
    """A host that is in service: was it put back, or has masakari not come to its report yet? Its list says that."""
    due = _asks_at(court, judgement.name, judgement.host, aftermath)
    if court.monotonic < due:
        return (judgement.again(due) if due < math.inf else judgement), aftermath
    asked = judgement.host.asked + 1
    told = aftermath.told or aftermath.at.wall - UNFINISHED_AGE
    # By whose clock soever it was made: nothing may be under way that was not listed.
    since = told - UNFINISHED_AGE
    command = LookUpReports(judgement.name, since, HostStatus.NORMAL, asked, every=True)
    due = court.monotonic + ASKED_EACH
    return judgement.do(command).but(asked=asked).again(due), replace(aftermath, asked=command, due=due)


def _asks_at(court: Court, name: str, host: HostState, aftermath: Aftermath) -> float:
    """The monotonic second from which it is to be asked for; inf: not before something else has changed."""
    cluster, policy = court.cluster, court.policy
    read = cluster.segments.flag_read_at(name)
    in_service = cluster.segments.has(name) is True and name not in cluster.maintenance
    looks = not _leaves_it(court, aftermath) or stands(court, name, host)
    if not (aftermath.is_asked_for and policy.look_up_reports and looks and in_service):
        return math.inf
    if read < aftermath.at.monotonic:
        return math.inf
    # What was under way has arrived by then, or never will.
    arrives = aftermath.at.monotonic + WINDOW if aftermath.owed is Owed.MAYBE else -math.inf
    return max(aftermath.due, arrives)


def _news(court: Court, name: str, aftermath: Aftermath) -> News | None:
    segments, at = court.cluster.segments, aftermath.at
    if name in court.cluster.maintenance:
        return News.FLAGGED
    read = segments.flag_read_at(name)
    if segments.recovers_nothing(name) or (segments.has(name) is False and read >= at.monotonic):
        return News.GIVEN_UP
    old = at.old_at(GIVEN_UP_AFTER, court.now)
    # Who does not report, or not yet, reads none: masakari's engine may have put the host out of service long ago.
    if court.monotonic >= old and (read >= old or not court.policy.lookup):
        return News.GIVEN_UP
    if read < at.monotonic or (aftermath.owed is Owed.ENDED and read <= at.monotonic):
        return None
    late = read >= at.monotonic + WINDOW and not court.policy.look_up_reports
    return News.STILL_IN_SERVICE if late else News.IN_SERVICE


def tell(court: Court, judgement: Judgement, values: tuple[Membership, ...]) -> Judgement | None:
    """With the alarm that a person has to see to it; None: there is none, at present."""
    if judgement.host.aftermath is None:
        return None
    due = speaks_at(court, judgement.name, judgement.host.aftermath)
    if court.monotonic < due:
        # Who only waits for masakari's segments says nothing else before that.
        return None if _leaves_it(court, judgement.host.aftermath) else judgement
    why = words(court, judgement.name, judgement.host)
    if Membership.UP in values:
        reason, ruling = Reason.OUT_OF_SERVICE, Ruling.PLANNED
    elif all(value is Membership.LEFT for value in values):
        reason, ruling = Reason.NEVER_LOST, Ruling.HELD
    else:
        return None
    detail = "perhaps" if judgement.host.aftermath.owed is Owed.MAYBE else ""
    return judgement.tell(reason, ruling, why, alarm=True, detail=detail)


def stands(court: Court, name: str, host: HostState) -> bool:
    """Whether the alarm was said and stands still: nobody reports at present, but somebody does within moments, or it
    is the reporter's own host."""
    said = host.aftermath is not None and host.told is not None and host.told.reason in _SAID
    nobody = court.cluster.reporter.standing in (Standing.NO_ELECTION, Standing.UNKNOWN)
    return said and (nobody or _is_reporters_own(court, name))


def fall_silent(court: Court, judgement: Judgement) -> Judgement:
    """Without the alarm where another monitor reports by now, which sees how it ends; this one does not."""
    told = judgement.host.told
    if told is None or told.reason not in _SAID or court.cluster.reporter.standing is not Standing.FOLLOWER:
        return judgement
    return judgement.but(told=None).say(Ruling.PLANNED, messages.OWED_ELSEWHERE)


def speaks_at(court: Court, name: str, aftermath: Aftermath) -> float:
    """The monotonic second from which this monitor may say that this is owed; inf: it leaves that to others, or must
    read.

    Who has come to report reads masakari's segments at once, and what is kept from long ago may be over. What is older
    than a day, and was never seen in them, surely may: whoever did not report then could not see how it ended.
    """
    reporter, policy = court.cluster.reporter, court.policy
    if _leaves_it(court, aftermath):
        nobodys = reporter.reports or _is_reporters_own(court, name)
        late = aftermath.at.old_at(LEFT_TO_OTHERS, court.now)
        return late if nobodys and aftermath.owed is Owed.OUT else math.inf
    if not policy.lookup or court.cluster.segments.read_at >= reporter.since:
        return -math.inf
    old = court.monotonic >= aftermath.at.old_at(GIVEN_UP_AFTER, court.now)
    return math.inf if old and aftermath.owed is not Owed.OUT else reporter.since + policy.lookup_patience


def words(court: Court, name: str, host: HostState) -> str:
    """What is owed, as a sentence; something must be."""
    assert host.aftermath is not None
    perhaps = host.aftermath.owed is Owed.MAYBE
    if all(link.value is Membership.LEFT for link in host.links):
        return messages.not_lost_but_told(name, perhaps)
    return messages.put_back(name, court.cluster.segments.segment_of(name), perhaps)
