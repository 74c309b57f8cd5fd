"""A host of which no outage is open: what is worth saying of it, be it partly down, gone, or seen too little.

Pure, of one host. Nothing is reported here; what could fail without being seen is an alarm.
"""

import math
from collections.abc import Sequence

from masakarimonitors.core.decision import Ruling
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.judging import afterwards
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Phase
from masakarimonitors.hostmonitor.core.outages.reasons import Reason

UNWATCHED_AFTER = 60.0
"""Seconds for which a link that decides may not list a host, or list it as one that has left, while another shows it
up, before that is an alarm: one that has just joined is listed everywhere within moments, and one that is shut down has
left everywhere by then."""

Values = tuple[Membership, ...]


def speak(court: Court, judgement: Judgement, values: Values, before: Phase) -> Judgement:
    """No outage is open and none begins: say what is worth saying."""
    matrix, host = court.policy.matrix, judgement.host
    if matrix.ask(values) is Answer.UNDECIDED:
        missing = matrix.missing(values)
        why = f"held: whether it must be recovered depends on {messages.join(missing)}, which is not known"
        return judgement.tell(Reason.UNDECIDED, Ruling.HELD, why, alarm=True, detail=" ".join(missing))
    if Membership.UP in values and not host.seen_in_service:
        judgement = judgement.but(seen_in_service=True)
    unwatched, due = _unwatched(court, judgement.name, judgement.host, values)
    judgement = judgement.again(due)
    down = tuple(
        name for name, value in zip(matrix.sequence, values, strict=True) if value is Membership.DOWN
    )
    seen = court.cluster.sees_all(court.monotonic)
    if unwatched:
        left = [name for name in unwatched if values[matrix.sequence.index(name)] is Membership.LEFT]
        why, detail = messages.unwatched(unwatched, left), " ".join(unwatched)
        return judgement.tell(Reason.UNWATCHED, Ruling.HELD, why, alarm=True, detail=detail)
    owed = afterwards.tell(court, judgement, values)
    if owed is not None:
        return owed
    if afterwards.stands(court, judgement.name, host):
        return judgement
    judgement = afterwards.fall_silent(court, judgement)
    if down:
        return tell_down(judgement, down)
    if any(link.value is Membership.LEFT for link in host.links):
        return _speak_left(court, judgement, values)
    if seen and host.seen_in_service and all(link.value is Membership.UNKNOWN for link in host.links):
        return judgement.tell(Reason.VANISHED, Ruling.HELD, messages.VANISHED, alarm=True)
    told = judgement.host.told
    if told is None:
        return judgement
    if all(value is Membership.UP for value in values):
        return judgement.but(told=None).say(Ruling.RECOVERED, messages.RECOVERED)
    hung = told.reason is Reason.UNDECIDED and not _may_hang(court, host, values)
    if hung or (told.reason is Reason.UNWATCHED and _is_watched(host)):
        # A link is out of sight, and it is not the one for which that was said, or nothing hangs on it any more.
        return judgement.but(told=None).say(Ruling.RECOVERED, messages.NOTHING_HANGS_ON_IT)
    return judgement


def _may_hang(court: Court, host: HostState, values: Values) -> bool:
    """Whether it may still have to be recovered: where it was down when a link was seen last, it is not known to be up
    because nobody sees it any more."""
    lasting = [
        Membership.DOWN if value is Membership.UNKNOWN and link.value is Membership.DOWN else value
        for value, link in zip(values, host.links, strict=True)
    ]
    return court.policy.matrix.ask(lasting) is not Answer.NOTHING


def _is_watched(host: HostState) -> bool:
    """Whether each link lists the host, or did when it was seen last."""
    return all(link.value not in (Membership.UNKNOWN, Membership.LEFT) for link in host.links)


def tell_down(judgement: Judgement, down: Sequence[str]) -> Judgement:
    why = f"it is down on {messages.join(down)}, for which the matrix asks no recovery"
    return judgement.tell(Reason.PARTLY_DOWN, Ruling.SUSPECTED, why, detail=" ".join(down))


def _speak_left(court: Court, judgement: Judgement, values: Values) -> Judgement:
    """What left before this monitor's sight began is counted from then on."""
    since = [
        max(link.since, court.cluster.views[name].since)
        for name, link in zip(judgement.sequence, judgement.host.links, strict=True)
        if link.value is Membership.LEFT
    ]
    late = max(since) + court.policy.left_warning
    segments = court.cluster.segments
    wanted = segments.has(judgement.name) is not False and judgement.name not in court.cluster.maintenance
    told, still_up = judgement.host.told, Membership.UP in values
    left = [name for name, value in zip(judgement.sequence, values, strict=True) if value is Membership.LEFT]
    if court.monotonic >= late and wanted:
        why = messages.left_long(court.policy.left_warning, left if still_up else ())
        return judgement.tell(Reason.LEFT_LONG, Ruling.PLANNED, why, alarm=True)
    if told is None or told.reason is not Reason.LEFT_LONG or not wanted:
        if wanted and segments.has(judgement.name) and not still_up:
            why = messages.LEFT_IN_SERVICE
            judgement = judgement.tell(Reason.LEFT_IN_SERVICE, Ruling.PLANNED, why, alarm=True)
        else:
            judgement = judgement.tell(Reason.LEFT, Ruling.PLANNED, messages.LEFT)
    return judgement.again(late) if wanted else judgement


def _wanted(court: Court, name: str, host: HostState) -> bool:
    """Whether nobody has said that the host need not be there: works on it, or has it on maintenance or not at all."""
    registered = court.cluster.segments.has(name) is not False
    return registered and name not in court.cluster.maintenance and host.work is Work.NONE


def _unwatched(court: Court, name: str, host: HostState, values: Values) -> tuple[list[str], float]:
    """The links that are seen, do not list the host or say that it has left, and would decide if it were down there;
    and when to look again."""
    matrix, missing, due = court.policy.matrix, list[str](), math.inf
    if not host.seen_in_service or Membership.UP not in values:
        return missing, due
    away = {Membership.UNKNOWN, Membership.LEFT} if _wanted(court, name, host) else {Membership.UNKNOWN}
    for at, link in enumerate(matrix.sequence):
        if host.links[at].value not in away or not court.cluster.counts(link, court.monotonic):
            continue
        if matrix.ask((*values[:at], Membership.DOWN, *values[at + 1 :])) is Answer.NOTHING:
            continue
        since = max(host.links[at].since, court.cluster.views[link].since) + UNWATCHED_AFTER
        if court.monotonic >= since:
            missing.append(link)
        else:
            due = min(due, since)
    return missing, due
