"""What the status shows of the hosts: what is most urgent first, then views, the reporter, storms, and every host
that is not plainly up."""

from collections.abc import Iterator, Sequence

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import Kept
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Phase
from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO
from masakarimonitors.hostmonitor.core.state import Policy, Segments, State
from masakarimonitors.status.health import Kind, Sight, View
from masakarimonitors.status.model import Grid, SubjectRow


def describe(state: State, policy: Policy, troubles: Sequence[str] = ()) -> Sequence[SubjectRow]:
    """The rows, most urgent first; `troubles`: the driver's. Hosts that are up on every link are one row together."""
    cluster = state.cluster
    rows = list(_unrecovered(state))
    if policy.matrix.never_recovers:
        detail = "no combination of its links calls for recovery: no failed host is ever reported"
        rows.append(SubjectRow("matrix", "recovers nothing", detail, alarm=True, harms=Kind.UNWATCHED))
    rows += [_view(name, cluster.views[name]) for name in policy.matrix.sequence]
    rows += [
        SubjectRow("driver", "hindered", trouble, alarm=True, harms=Kind.HINDERED) for trouble in troubles
    ]
    if policy.elected:
        rows.append(_reporter(cluster.reporter))
    rows += [_silence(kept, state, policy) for kept in cluster.silences.holding]
    for storm in cluster.storms.values():
        detail = f"{len(storm.failed)} failed together; their reports are held"
        rows.append(SubjectRow(f"storm:{storm.scope}", "storm", detail, alarm=True, harms=Kind.HELD))
    shown = sorted(state.troubled | (cluster.maintenance.keys() & state.hosts.keys()))
    plain = len(state.hosts) - len(shown)
    # Who is out of sight is not called up.
    when = " when last seen" if plain and not all(view.live for view in cluster.views.values()) else ""
    if state.hosts or when or not all(view.live for view in cluster.views.values()):
        rows.append(SubjectRow("hosts", f"{plain} up{when}", f"{len(state.hosts)} known"))
    else:
        rows.append(_none_known(cluster.segments, policy))
    rows += [_host(name, state, policy) for name in shown]
    absent = _absent(state, policy)
    if absent and all(view.live for view in cluster.views.values()):
        detail = "in a failover segment of masakari, but no link lists them: nothing watches them"
        rows.append(
            SubjectRow("hosts unseen", messages.join(absent), detail, alarm=True, harms=Kind.UNWATCHED)
        )
    return rows


def _none_known(segments: Segments, policy: Policy) -> SubjectRow:
    """No link lists another host: as with the agents of another cluster; or there is none, as masakari may say."""
    told = "none known: each link is seen, and none lists another host than this one"
    # A masakari that has not even this one is not set up yet, or is another cloud's: it says nothing of who there is.
    if segments.hosts and all(policy.is_own(name) for name in segments.hosts.values()):
        return SubjectRow(
            "hosts", "0 up", f"{told}; masakari has no other one either, so there is none to watch"
        )
    return SubjectRow("hosts", "0 up", f"{told}, so nothing is watched", alarm=True, harms=Kind.UNWATCHED)


def grid(state: State, policy: Policy) -> Grid:
    """Each host with its membership on each link, also those that are plainly up; on one that is not seen nobody is."""
    live = [state.cluster.views[name].live for name in policy.matrix.sequence]
    rows = {
        f"host:{name}": [value.value for value in _shown(host, live)] for name, host in state.hosts.items()
    }
    return Grid(policy.matrix.sequence, rows)


def _shown(host: HostState, live: Sequence[bool]) -> Sequence[Membership]:
    """What stands on each link, of those that are not seen whatever is not up."""
    return [
        Membership.UNKNOWN if link.value is Membership.UP and not sees else link.value
        for link, sees in zip(host.links, live, strict=True)
    ]


def views(state: State, policy: Policy, now: Instant) -> Sequence[View]:
    """What this monitor sees of each link at this moment, whatever was decided last."""
    cluster = state.cluster.after_standstill(state.decided, now)
    return [_sight(name, cluster.views[name], now.monotonic) for name in policy.matrix.sequence]


def _sight(name: str, view: ViewState, now: float) -> View:
    sight = Sight.UNKNOWN
    if view.counts(now):
        sight = Sight.PROVEN
    elif view.heard:
        sight = Sight.BLIND
    return View(f"link:{name}", sight, view.explain(now))


def _unrecovered(state: State) -> Iterator[SubjectRow]:
    """High availability is off for a host that has failed: nothing is more urgent."""
    refused, in_vain = [], []
    for name in sorted(state.troubled):
        host = state.hosts[name]
        if host.fate is Fate.REFUSED:
            refused.append(name)
        elif host.phase is Phase.FAILING and state.cluster.segments.recovers_nothing(name):
            in_vain.append(name)
    if refused:
        detail = "failed, and masakari has refused the report: nobody recovers their instances; see each host"
        yield SubjectRow("hosts refused", messages.join(refused), detail, alarm=True)
    if in_vain:
        detail = "failed, in a disabled failover segment: masakari accepts the report and recovers nothing"
        yield SubjectRow("hosts not recovered", messages.join(in_vain), detail, alarm=True)


def _absent(state: State, policy: Policy) -> list[str]:
    # Asked each second: the names of thousands of hosts are only folded when one is not found as it is written.
    registered, nowhere = state.cluster.segments.hosts or {}, state.nowhere
    if not nowhere and all(name in state.hosts or policy.is_own(name) for name in registered.values()):
        return []
    ours = {name.casefold() for name in state.hosts.keys() - nowhere} | policy.own_folds
    return sorted(name for fold, name in registered.items() if fold not in ours)


def _view(name: str, view: ViewState) -> SubjectRow:
    if view.live:
        return SubjectRow(f"link:{name}", "seen", view.why)
    return SubjectRow(f"link:{name}", "blind" if view.heard else "not seen yet", view.why, alarm=True)


def _reporter(reporter: Reporter) -> SubjectRow:
    who = {
        Standing.LEADER: "this monitor",
        Standing.ALL: "all",
        Standing.NO_ELECTION: "nobody",
        Standing.FOLLOWER: reporter.leader or "unknown",
        Standing.UNKNOWN: "unknown",
    }[reporter.standing]
    alone = reporter.standing in (Standing.ALL, Standing.NO_ELECTION)
    alarm = alone or reporter.warned or reporter.delivers is False
    return SubjectRow("reporter", who, messages.reporter(reporter), alarm, harms=Kind.REPORTER)


def _silence(kept: Kept, state: State, policy: Policy) -> SubjectRow:
    covered = sum(kept.silence.covers(f"host:{name}", policy.domains.get(name)) for name in state.hosts)
    hosts = {0: "no host that is known here", 1: "one host"}.get(covered, f"{covered} hosts")
    return SubjectRow(*telling.row(kept, hosts), alarm=True, harms=Kind.SILENCED)


def _host(name: str, state: State, policy: Policy) -> SubjectRow:
    host = state.hosts[name]
    values = _shown(host, [state.cluster.views[link].live for link in policy.matrix.sequence])
    detail = [messages.evidence(policy.matrix.sequence, host)]
    kept = state.cluster.maintenance.get(name)
    if kept is not None:
        detail.append("on maintenance in masakari")
    if host.work is not Work.NONE:
        detail.append(messages.planned(host.work))
    outage = host.outage
    if outage is not None and outage.report is not None:
        report = outage.report
        detail.append(f"report of {report.made_at:%Y-%m-%d %H:%M:%S} UTC: {report.fate.value}")
    reason = host.told.reason if host.told is not None else None
    held = reason.value if reason in TO_DO else ""
    if reason is not None and (outage is not None or held):
        detail.append(reason.value)
    unwatched = host.told is not None and host.told.alarm
    alarm = outage is not None or unwatched or (kept is not None and kept.warned)
    word = _word(host, values, policy)
    return SubjectRow(f"host:{name}", word, "; ".join(detail), alarm, held=held)


def _word(host: HostState, values: Sequence[Membership], policy: Policy) -> str:
    outage = host.outage
    if outage is not None:
        if outage.report is None:
            return "failing, not reported yet"
        if outage.fate is Fate.REFUSED:
            return "failed, refused by masakari"
        return "failed, reported" if outage.told_normal else "failed, reported without proof"
    if policy.matrix.ask(values) is not Answer.NOTHING:
        return "failing, not judged"
    for value, word in (
        (Membership.DOWN, "partly down"),
        (Membership.LEFT, "left"),
        (Membership.UNKNOWN, "not fully seen"),
    ):
        if value in values:
            return word
    return "up"
