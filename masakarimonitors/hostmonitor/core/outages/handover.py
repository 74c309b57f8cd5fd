"""What one reporter leaves to the next: reports that are adopted from the ledger, disowned, or given up.

Pure, of one host each. Whose report it was does not matter: what is not known to have arrived is sent by whoever
reports now, if the host is seen to fail still; what has arrived is never sent again for the same outage.
"""

import datetime
import math

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HOSTNAME
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, Words
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.aftermath import inherited, owed_of
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Fact, Fate, Outage, Phase, Report, move
from masakarimonitors.hostmonitor.core.outages.watch import Seen

SEEN_APART = 30.0
"""Seconds by which two monitors may see the same failure, or their clocks may stand, apart. masakari acts on a
report only after minutes, so a host that came back and failed again within them is recovered by the first."""

WINDOW = 180.0
"""Seconds within which masakari calls an equal report a duplicate (its `duplicate_notification_detection_interval`,
by default): a report that may be on its way is repeated as the same one, not made anew."""


def adopt(judgement: Judgement, entry: LedgerEntry, now: Instant, heard: float = -math.inf) -> Judgement:
    """Another monitor has written down that it reported this host's outage.

    An entry is void if this monitor saw the host up after it; an older one says nothing new. `heard`: the monotonic
    second at which this monitor heard of the entry, if it was written then.
    """
    if not HOSTNAME.match(judgement.name):
        return judgement
    outage = judgement.host.outage
    if outage is None:
        outage = Outage(failed=Instant(-math.inf, entry.reported_at), phase=Phase.UNSURE)
        judgement = judgement.but(outage=outage)
    elif is_void(outage, entry, heard) or not _says_more(outage.report, entry):
        return judgement
    if outage.report is None:
        fate = Fate.ANOTHERS if entry.delivered else Fate.TAKEN_BACK
        return judgement.in_outage(report=_as_report(entry, fate, now))
    judgement = judgement.meets(Fact.DELIVERED if entry.delivered else Fact.ENTERED, messages.TAKEN_OVER)
    fate = judgement.outage.fate
    return judgement.in_outage(report=_as_report(entry, fate, now))


def is_void(outage: Outage, entry: LedgerEntry, heard: float = -math.inf) -> bool:
    """Whether the entry is older than a moment at which this monitor saw the host up: of an outage before this one.

    Who followed its writer knows that by its own clock. Otherwise the writer's decides, which may be wrong.
    """
    if not outage.watch.begun:
        return False
    if heard > -math.inf:
        return heard < outage.failed.monotonic - SEEN_APART
    return entry.reported_at < outage.failed.wall - datetime.timedelta(seconds=SEEN_APART)


def _says_more(report: Report | None, entry: LedgerEntry) -> bool:
    if report is None:
        return True
    if (entry.reported_at, entry.host_status) == (report.made_at, report.host_status):
        return entry.delivered and not report.arrived
    return entry.reported_at > report.made_at


def _as_report(entry: LedgerEntry, fate: Fate, now: Instant) -> Report:
    """When it arrived the entry does not say: after it was made, and before this monitor has read of it."""
    return Report(
        made_at=entry.reported_at,
        host_status=entry.host_status,
        fate=fate,
        settled_at=entry.reported_at if entry.delivered else None,
        arrived_by=now.monotonic if entry.delivered else -math.inf,
    )


def inherit(judgement: Judgement, words: Words) -> Judgement:
    """A monitor that reports, or has, says in the ledger what a person has to see to after this host's outage."""
    before = judgement.host.aftermath
    after = inherited(before, words) if HOSTNAME.match(judgement.name) else before
    return judgement if after is before else judgement.but(aftermath=after)


def disinherit(judgement: Judgement) -> Judgement:
    """Whoever reports has seen the end of what is known here by the ledger alone."""
    aftermath = judgement.host.aftermath
    return judgement.but(aftermath=None) if aftermath is not None and aftermath.heard else judgement


def disown(judgement: Judgement, now: Instant) -> Judgement:
    """A leader before this one has closed the outage that was reported: if the host fails, it is another.

    But what may be on its way at this moment is kept: its leader had no time to write it down.
    """
    report = judgement.outage.report
    if report is None:
        return judgement
    age = (now.wall - report.made_at).total_seconds()
    if not report.arrived and report.fate is not Fate.REFUSED and age < WINDOW:
        return judgement
    _, acts = move(judgement.outage.fate, Fact.CLOSED)
    owed = owed_of(judgement.host.aftermath, judgement.outage, acts, now)
    after = judgement.meets(Fact.CLOSED, messages.CLOSED_BY_OTHER).but(aftermath=owed)
    if never_up_since(judgement.outage):
        return after  # the ledger is lost rather: masakari is asked whether it has a report since then
    # Whatever is found in masakari of before is of the outage that is over.
    return after.in_outage(failed=now).sees(Seen.ANEW)


def never_up_since(outage: Outage) -> bool:
    """Whether this monitor has seen it fail from its beginning until now, without a break."""
    return outage.watch.begun and outage.phase is Phase.FAILING and outage.since <= outage.failed.monotonic


def depose(judgement: Judgement) -> Judgement:
    """What we did not get delivered is whoever reports now: by the time that our own way to masakari is open again,
    the host may long be back, and a stale report would have it evacuated while it runs."""
    return judgement.meets(Fact.DEPOSED, messages.HANDED_OVER)
