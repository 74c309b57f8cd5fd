"""The last question before a failure is told: may its report leave for masakari at this very moment?

Pure. In: the report, and all that is known. Out: now, later or never. The decision that has made it may be minutes old:
times go on while the process stands still, and the decision that takes it back may only be due.
"""

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, HostNotification, HostStatus, Leave, Notification
from masakarimonitors.hostmonitor.core.evidence.inquiry import LIFE_AGE
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.judging.gates import WHILE_IT_WAITS, Case, first_hold, not_silenced
from masakarimonitors.hostmonitor.core.observation import Life
from masakarimonitors.hostmonitor.core.outages.outage import Fate
from masakarimonitors.hostmonitor.core.state import Policy, State


def may_offer(policy: Policy, state: State, told: Notification, now: Instant) -> Leave:
    """Whether `told`, as it was made, may leave: a failure is told by whoever reports, while it is seen, and as NORMAL
    while what that rests on still counts.

    Never again, once the report of its outage is another one, or none that waits: no decision will take it back.
    """
    if not isinstance(told, HostNotification) or told.event is not HostEvent.STOPPED:
        return Leave.NOW
    cluster = state.cluster.after_standstill(state.decided, now)
    host = state.hosts.get(told.hostname)
    report = host.outage.report if host is not None and host.outage is not None else None
    if host is None or report is None or report.fate is not Fate.PENDING:
        return Leave.NEVER
    if (report.made_at, report.host_status) != (told.generated_time, told.host_status):
        return Leave.NEVER
    if not cluster.reporter.reports or cluster.reporter.due(now.monotonic) is not None:
        return Leave.LATER
    court = Court(cluster=cluster, policy=policy, now=now)
    if not court.asks_recovery(host):
        return Leave.LATER
    case = court.case(told.hostname, host)
    if not_silenced(case) is not None:
        return Leave.LATER
    stands = report.host_status is HostStatus.UNKNOWN or _stands(case)
    return Leave.NOW if stands else Leave.LATER


def _stands(case: Case) -> bool:
    """Whether nothing holds it, and its proof is fresh now; or, where nobody has checked that it is off, that nothing
    of it answers."""
    if first_hold(case, WHILE_IT_WAITS) is not None or case.evidence not in (
        Evidence.OFF,
        Evidence.UNCHECKED,
    ):
        return False
    if not (case.unproven and case.policy.check_life):
        return True
    questions = case.outage.questions
    seen = questions.life_seen
    return (
        seen is not None
        and seen.life is not Life.ALIVE
        # What could not be tried for a reason of our own says nothing of the host.
        and not questions.is_untried(case.monotonic)
        and case.monotonic < seen.at.old_at(LIFE_AGE, case.now)
    )
