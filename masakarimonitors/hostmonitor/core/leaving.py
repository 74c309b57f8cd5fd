"""The last question before a failure is told: may its report leave for masakari at this very moment?

Pure. In: the report, and all that is known. Out: now, later or never. The decision that has made it may be minutes old:
times go on while the process stands still, and the decision that takes it back may only be due.
"""

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, HostNotification, Leave, Notification
from masakarimonitors.hostmonitor.core.judge import Court
from masakarimonitors.hostmonitor.core.outage import Fate
from masakarimonitors.hostmonitor.core.state import Policy, State


def may_offer(policy: Policy, state: State, told: Notification, now: Instant) -> Leave:
    """Whether `told`, as it was made, may leave: a failure is told by whoever reports, while it is seen.

    Never again, once the report of its outage is another one, or none that waits: no decision will take it back.
    """
    if not isinstance(told, HostNotification) or told.event is not HostEvent.STOPPED:
        return Leave.NOW
    cluster, host = state.cluster, state.hosts.get(told.hostname)
    report = host.outage.report if host is not None and host.outage is not None else None
    if host is None or report is None or report.fate is not Fate.PENDING:
        return Leave.NEVER
    if (report.made_at, report.host_status) != (told.generated_time, told.host_status):
        return Leave.NEVER
    if not cluster.reporter.reports or cluster.reporter.due(now.monotonic) is not None:
        return Leave.LATER
    seen = Court(cluster=cluster, policy=policy, now=now).asks_recovery(host)
    return Leave.NOW if seen else Leave.LATER
