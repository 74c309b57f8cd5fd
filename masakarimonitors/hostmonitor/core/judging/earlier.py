"""A report that masakari has taken, and a host that fails: is it still about this failure, or about one before it?

Pure, of one host. Whoever has watched the host fail ever since its report knows. Whoever has not (restarted, taken over
from another monitor, out of sight for a while) goes by masakari: its engine puts a host on maintenance with each report
that it works off, and only a person takes it off. So where masakari has the host in service, somebody has put it back.
"""

import datetime
import math
from dataclasses import replace
from enum import Enum

from masakarimonitors.hostmonitor.core.evidence.inquiry import LOOKUP_AGE
from masakarimonitors.hostmonitor.core.judging.gates import SEGMENTS_AGE, Case, Hold, in_service
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.hostmonitor.core.outages.outage import Report
from masakarimonitors.hostmonitor.core.outages.reasons import Reason

UNLISTED_FOR = 600.0
"""Seconds for which a list that cannot be read, though the segments can, keeps it from being told anew."""


class About(Enum):
    """What a report that has arrived says of the failure of now."""

    THIS = "this failure"
    UNREAD = "not known"
    """masakari's segments have not been read since this monitor began to watch it."""
    EARLIER = "an earlier failure"
    """masakari has the host in service: it was put back since."""


def failure_of(case: Case, report: Report) -> About:
    """What `report`, which has arrived, says of the failure of now. Who does not report need not know."""
    if not case.outage.watch.gap or not case.cluster.reporter.reports:
        return About.THIS
    if case.cluster.segments.read_at < _known_by(case, report) and case.monotonic >= unread_at(case, report):
        return About.UNREAD
    if not in_service(case) or _is_recent(case, report):
        return About.THIS
    found = case.outage.questions.found
    if found is not None and found.found and case.monotonic < found.at.monotonic + WINDOW:
        return About.THIS  # masakari's engine is at it, or about to be
    return About.EARLIER


def unread_at(case: Case, report: Report) -> float:
    """The monotonic second from which a reading of the segments is missed, if none comes."""
    return max(case.cluster.segments.read_at, report.arrived_by) + SEGMENTS_AGE


def _known_by(case: Case, report: Report) -> float:
    """What was read before this monotonic second says nothing of the host, or nothing of what became of the report."""
    return max(case.outage.since, report.arrived_by)


def _is_recent(case: Case, report: Report) -> bool:
    """Whether masakari was read before the report, or so soon after it that its engine may not have come to it."""
    if case.cluster.segments.read_at < report.arrived_by:
        return True
    taken = report.settled_at or report.made_at
    if (taken - case.now.wall).total_seconds() >= SEGMENTS_AGE:
        return False  # nothing that is known was taken in the time to come: that was another clock
    read_ago = datetime.timedelta(seconds=case.monotonic - case.cluster.segments.read_at)
    return (case.now.wall - read_ago - taken).total_seconds() < WINDOW


def unread(case: Case) -> Hold:
    """Nobody can say: at first masakari is about to be read, then a person must know."""
    # Who has come to report reads at once.
    since = max(case.cluster.began, case.outage.since, case.cluster.reporter.since)
    known = since + case.policy.lookup_patience
    if case.policy.lookup and case.monotonic < known:
        return Hold(reason=Reason.EARLIER, until=known)
    why = messages.EARLIER_UNREAD if case.policy.lookup else messages.EARLIER_NO_LOOKUP
    return Hold(reason=Reason.EARLIER, why=why, alarm=True, until=math.inf)


def unlisted(case: Case) -> Hold | None:
    """Whether its engine has yet to begin with that report, which masakari was asked just now, nobody has said.

    The host would be in service all the same. It is asked again; a failure is not lost where the list cannot be read
    while the segments can. Where neither can, nothing could be told either.
    """
    questions = case.outage.questions
    found = questions.found
    heard = questions.lookup is None and found is not None and found.found is not None
    if heard or not case.policy.look_up_reports:
        return None
    since = case.monotonic if questions.unlisted_since is None else questions.unlisted_since
    if case.cluster.segments.read_at >= since + UNLISTED_FOR:
        return None
    return Hold(
        reason=Reason.EARLIER,
        why=messages.EARLIER_UNLISTED,
        alarm=True,
        questions=replace(questions, lookup=None, found=None, unlisted_since=since),
        until=case.monotonic + LOOKUP_AGE,
    )
