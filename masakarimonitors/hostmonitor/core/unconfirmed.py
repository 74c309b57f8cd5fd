"""A report that the host monitor's last life left undelivered: does it still hold? Pure.

In: the host as it is judged now. A failure holds when the same report has passed every gate again (`pursue.py` makes it
anew, with the time of the first one); whoever does not report leaves it to who does. A return holds while the host is
seen up.
"""

from collections.abc import Mapping

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, HostNotification
from masakarimonitors.core.unconfirmed import Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Phase
from masakarimonitors.hostmonitor.core.state import Policy, State

_ARRIVED = withdraw("masakari has the report")
_ANEW = withdraw("it is reported anew")

OF_FATE: Mapping[Fate, Word] = {
    Fate.NONE: withdraw("that outage is over"),
    Fate.PENDING: confirm("the same outage was judged anew, and every gate was passed again"),
    Fate.TAKEN_BACK: wait("it has not yet passed every gate again"),
    Fate.ACCEPTED: _ARRIVED,
    Fate.REFUSED: _ANEW,
    Fate.EXPIRED: _ANEW,
    Fate.ANOTHERS: _ARRIVED,
}
"""What is said of the report where the host's outage has that very report."""

OF_STANDING: Mapping[Standing, Word | None] = {
    Standing.UNKNOWN: wait("it is not yet known which monitor reports"),
    Standing.LEADER: None,
    Standing.FOLLOWER: withdraw(messages.HANDED_OVER),
    Standing.NO_ELECTION: wait("no monitor reports at present, and none can be elected"),
    Standing.ALL: None,
}
"""What is said of a report that has not passed every gate again, by what this monitor is; None: it goes by the host."""


def judge(policy: Policy, state: State, report: Unconfirmed, now: Instant) -> Word:
    """Whether the report still holds."""
    told = report.told
    if not isinstance(told, HostNotification):
        return forget("it is about no host")
    failed = told.event is HostEvent.STOPPED
    if policy.is_own(told.hostname):
        return withdraw("this monitor runs there") if failed else confirm("this monitor runs there")
    court = Court(cluster=state.cluster, policy=policy, now=now)
    host = state.hosts.get(told.hostname)
    if host is None and court.cluster.sees_all(now.monotonic):
        return forget("no link lists the host any more")
    if host is None:
        return wait(_BLIND)
    return _of_failure(court, host, told) if failed else _of_return(court, host)


_BLIND = "not every link is seen yet"


def _of_failure(court: Court, host: HostState, told: HostNotification) -> Word:
    outage = host.outage
    if outage is None:
        if Membership.UP in court.values(host):
            return withdraw("the host is up, and no outage of it is open")
        return wait("no outage of the host is open, and it is not seen up")
    report = outage.report
    if report is None or (report.made_at, report.host_status) != (told.generated_time, told.host_status):
        return withdraw("that outage is over, or told by a later report")
    standing = OF_STANDING[court.cluster.reporter.standing]
    if report.fate is Fate.TAKEN_BACK and standing is not None:
        return standing
    return OF_FATE[report.fate]


def _of_return(court: Court, host: HostState) -> Word:
    if host.phase is Phase.FAILING:
        return withdraw("it has failed again since")
    if host.phase is not Phase.WELL:
        return wait("whether it is up again cannot be told yet")
    if Membership.UP in court.values(host):
        return confirm("the host is up")
    if court.cluster.sees_all(court.monotonic):
        return withdraw("it is not up any more")
    return wait(_BLIND)


def well(state: State, subject: str) -> str:
    """Why a host needs nobody any more: every link shows it up. That says nothing of the instances that it had."""
    name = subject.removeprefix("host:")
    sees = all(view.live for view in state.cluster.views.values())
    return "every link shows it up" if sees and name in state.hosts.keys() - state.troubled else ""
