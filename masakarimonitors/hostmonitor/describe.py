"""What the status shows of the hosts: views, office, storms, and every host that is not plainly up."""

from collections.abc import Sequence

from masakarimonitors.hostmonitor import words
from masakarimonitors.hostmonitor.links import LinkView
from masakarimonitors.hostmonitor.matrix import Answer
from masakarimonitors.hostmonitor.observation import Link, Work
from masakarimonitors.hostmonitor.outage import HostState
from masakarimonitors.hostmonitor.state import Policy, State
from masakarimonitors.notifications import HostStatus
from masakarimonitors.status.board import SubjectRow


def describe(state: State, policy: Policy) -> Sequence[SubjectRow]:
    """The rows, most general first. Hosts that are up on every link are one row together."""
    rows = [_view(name, state.views[name]) for name in policy.matrix.sequence]
    if policy.elected:
        rows.append(_office(state))
    for storm in state.storms.values():
        detail = f"{len(storm.failed)} failed together; their reports are held"
        rows.append(SubjectRow(f"storm:{storm.scope}", "storm", detail, alarm=True))
    shown = sorted(state.troubled | (state.maintenance.keys() & state.hosts.keys()))
    plain = len(state.hosts) - len(shown)
    rows.append(SubjectRow("hosts", f"{plain} up", f"{len(state.hosts)} known"))
    rows += [_host(name, state, policy) for name in shown]
    absent = sorted((state.registered or frozenset()) - state.hosts.keys() - {policy.own})
    if absent and all(view.live for view in state.views.values()):
        detail = "in a failover segment of masakari, but no link lists them: nothing watches them"
        rows.append(SubjectRow("hosts unseen", words.join(absent), detail, alarm=True))
    return rows


def _view(name: str, view: LinkView) -> SubjectRow:
    if view.live:
        return SubjectRow(f"link:{name}", "seen", view.why)
    return SubjectRow(f"link:{name}", "blind" if view.heard else "not seen yet", view.why, alarm=True)


def _office(state: State) -> SubjectRow:
    office = state.office
    if office is None:
        return SubjectRow("office", "not known yet", words.elsewhere(None))
    return SubjectRow("office", "ours" if office.mine else "another's", words.office(office))


def _host(name: str, state: State, policy: Policy) -> SubjectRow:
    host = state.hosts[name]
    values = [link.value for link in host.links]
    detail = [words.evidence(policy.matrix.sequence, host)]
    kept = state.maintenance.get(name)
    if kept is not None:
        detail.append("on maintenance in masakari")
    if host.work is not Work.NONE:
        detail.append(f"in {host.work.value}")
    outage = host.outage
    if outage is not None and outage.reported_at is not None:
        detail.append(f"reported at {outage.reported_at:%Y-%m-%d %H:%M:%S} UTC")
    alarm = outage is not None or (kept is not None and kept.warned)
    return SubjectRow(f"host:{name}", _word(host, values, policy), "; ".join(detail), alarm)


def _word(host: HostState, values: Sequence[Link], policy: Policy) -> str:
    outage = host.outage
    if outage is not None:
        if outage.reported is HostStatus.NORMAL:
            return "failed, reported"
        return "failed, reported without proof" if outage.reported else "failing, not reported yet"
    if policy.matrix.ask(values) is not Answer.NOTHING:
        return "failing, not judged"
    for value, word in ((Link.DOWN, "partly down"), (Link.LEFT, "left"), (Link.UNKNOWN, "not fully seen")):
        if value in values:
            return word
    return "up"
