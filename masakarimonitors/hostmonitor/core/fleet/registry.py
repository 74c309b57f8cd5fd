"""What masakari's failover segments say: who is registered, on maintenance, or in a segment that recovers nothing.

Pure. In: one reading of the segments. Out: the news for the hosts whose reports it holds or frees. masakari's
database may not tell upper from lower case (MariaDB), so names are compared casefolded, and a difference is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from masakarimonitors.core.backoff import backoff
from masakarimonitors.core.decision import Command, Instant, Ruling, Verdict, Withdraw
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.observation import Membership, Registry, ReportsFound
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState, after_work
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Release
from masakarimonitors.hostmonitor.core.outages.watch import Seen
from masakarimonitors.hostmonitor.core.state import Cluster, Maintenance, Policy, Segments, State

OFFER_AGAIN = 300.0
"""Seconds after which a refused report is offered anew although no news of its host has come."""

OFFER_SLOWEST = 3600.0
"""Seconds up to which that doubles while masakari's segments do not have the host: nothing but their news helps."""

UNSEEN_AFTER = 60.0
"""Seconds of sight after which a registered host that no link lists is an alarm: an agent that has just started is
listed within moments."""


NOWHERE_FOR = 86400.0
"""Seconds for which a host whose failure is not told must be in no segment, where it can be told to nobody, and on no
list: who builds the segments anew, or replaces the host, is done by then. Time in which a list could not be read does
not count: it may have stood there."""


def take_registry(policy: Policy, state: State, registry: Registry, now: Instant) -> News:
    """One reading, or the failure of one, which changes nothing that is known."""
    before = state.cluster.segments
    if registry.hosts is None:
        cluster = replace(state.cluster, segments=replace(before, answered=True, unread=True))
        return News(cluster=cluster, recheck_all=True)
    segments = Segments(
        hosts={name.casefold(): name for name in registry.hosts},
        answered=True,
        read_at=registry.at.monotonic,
        disabled=frozenset(name.casefold() for name in registry.disabled),
        named={name.casefold(): segment for name, segment in registry.segments.items()},
    )
    cluster, verdicts = _take_flags(replace(state.cluster, segments=segments), state, registry.hosts, now)
    changed: dict[str, HostState | None] = {}
    commands: list[Command] = []
    unseen_for = _unseen_for(state.cluster, now)
    for name in state.troubled:
        host = state.hosts[name]
        gone = segments.has(name) is False and _is_gone(cluster, policy, host, now)
        known = now.monotonic if host.nowhere_since is None else host.nowhere_since + unseen_for
        told = _is_told(host)
        # One that has no host at all was emptied, or is another cloud's: that says nothing of this host.
        since = known if gone and (told or segments.hosts) else None
        if since is not None and (told or now.monotonic >= since + NOWHERE_FOR):
            why = messages.FORGOTTEN if told else messages.FORGOTTEN_UNTOLD
            verdicts.append(Verdict(f"host:{name}", Ruling.PLANNED, why, alarm=not told))
            commands += [] if told else [Withdraw(f"host:{name}", why)]
            changed[name] = None
            continue
        if since != host.nowhere_since:
            host = changed[name] = replace(host, nowhere_since=since)
        ended = name in state.cluster.maintenance and name not in cluster.maintenance
        registered = bool(segments.has(name)) and not before.has(name)
        if ended or registered:
            changed[name] = _freed(host, now, ended=ended)
        elif _is_lifted(name, host, cluster):
            changed[name] = _freed(host, now, ended=False, news=False)
        if host.outage is not None and segments.recovers_nothing(name) and not before.recovers_nothing(name):
            verdicts.append(Verdict(f"host:{name}", Ruling.HELD, messages.RECOVERS_NOTHING, alarm=True))
    verdicts += _other_names(state, before, segments)
    cluster, unseen = _take_unseen(policy, cluster, state, now)
    return News(
        cluster=cluster,
        hosts=changed,
        commands=tuple(commands),
        verdicts=(*verdicts, *unseen),
        recheck_all=True,
    )


def take_flag(state: State, found: ReportsFound, now: Instant) -> News:
    """Whether masakari has one host on maintenance, if that was asked by itself."""
    cluster, name, flagged = state.cluster, found.host, found.on_maintenance
    if flagged is None:
        return News(cluster=cluster)
    was, host = name in cluster.maintenance, state.hosts[name]
    flags_read = {**cluster.segments.flags_read, name.casefold(): found.at.monotonic}
    cluster = replace(cluster, segments=replace(cluster.segments, flags_read=flags_read))
    if flagged is was:
        return News(cluster=cluster)
    kept = {other: one for other, one in cluster.maintenance.items() if other != name}
    why = messages.MAINTENANCE if flagged else messages.MAINTENANCE_OVER
    if flagged:
        kept[name] = Maintenance(now.monotonic)
    else:
        host = _freed(host, now, ended=True)
    return News(
        cluster=replace(cluster, maintenance=kept),
        hosts={name: host},
        verdicts=(Verdict(f"host:{name}", Ruling.PLANNED, why),),
    )


def _take_flags(
    cluster: Cluster, state: State, hosts: Mapping[str, bool], now: Instant
) -> tuple[Cluster, list[Verdict]]:
    """Who is on maintenance now, under the names that the cluster engine gives them."""
    ours = {name.casefold(): name for name in state.hosts}
    flagged = {ours.get(name.casefold(), name) for name, on in hosts.items() if on}
    kept = {name: cluster.maintenance.get(name, Maintenance(now.monotonic)) for name in sorted(flagged)}
    verdicts = [
        Verdict(f"host:{name}", Ruling.PLANNED, messages.MAINTENANCE)
        for name in kept
        if name not in cluster.maintenance
    ]
    verdicts += [
        Verdict(f"host:{name}", Ruling.PLANNED, messages.MAINTENANCE_OVER)
        for name in cluster.maintenance
        if name not in kept
    ]
    return replace(cluster, maintenance=kept), verdicts


def next_offer(segments: Segments, name: str, refusals: int, now: float) -> float:
    """When (monotonic second) a report that was refused so often (>= 1) is offered anew without news."""
    if segments.has(name) is False:
        return now + backoff(refusals, OFFER_AGAIN, OFFER_SLOWEST)
    return now + OFFER_AGAIN


def _is_lifted(name: str, host: HostState, cluster: Cluster) -> bool:
    """Masakari has refused its report for the first time, and shows nothing now for which it would.

    A flag that was set and cleared between two readings is seen by neither, but in the refusal. If that is repeated,
    there is another cause, and no news.
    """
    if host.outage is None or host.outage.fate is not Fate.REFUSED or host.outage.refusals > 1:
        return False
    return cluster.segments.has(name) is True and name not in cluster.maintenance


def _freed(host: HostState, now: Instant, *, ended: bool, news: bool = True) -> HostState:
    """What the host's maintenance, or its absence from masakari, held back: it settles anew, and is offered anew.

    An operator who puts a failed host on maintenance and takes it off again has looked at it: no storm holds it.
    """
    if ended:
        shown = host if host.work_record.shown_by else None
        host = after_work(host, now.monotonic)
        if shown is not None:
            # masakari's flag says nothing of what the cluster shows; of what it showed before a restart somebody knows.
            record = shown.work_record.without(*shown.work_record.kept)
            host = replace(host, work=shown.work, work_record=record)
    outage = host.outage
    if outage is None:
        return host
    if news:
        outage = replace(outage, refusals=0)
    return replace(host, outage=_free_outage(outage, now, ended=ended))


def _free_outage(outage: Outage, now: Instant, *, ended: bool) -> Outage:
    report = outage.report
    if report is not None and report.fate is Fate.REFUSED:
        outage = replace(outage, report=replace(report, retry_at=now.monotonic))
    if ended:
        release = Release.LOOKED_AT if report is None else outage.release
        outage = replace(outage, release=release).sees(Seen.LIFTED)
    return outage


def _is_gone(cluster: Cluster, policy: Policy, host: HostState, now: Instant) -> bool:
    """Every link is seen, and none lists the host any more."""
    if host.work_record.kept:
        return False
    return all(
        cluster.counts(name, now.monotonic) and link.unlisted
        for name, link in zip(policy.matrix.sequence, host.links, strict=True)
    )


def _unseen_for(cluster: Cluster, now: Instant) -> float:
    """Seconds before this reading in which nobody can tell who was listed: since the last one, if one has failed since
    then or a link was out of sight."""
    before = cluster.segments
    followed = all(view.since <= before.read_at for view in cluster.views.values())
    return 0.0 if followed and not before.unread else now.monotonic - before.read_at


def _is_told(host: HostState) -> bool:
    """Whether no failure of it waits to be told."""
    outage = host.outage
    if outage is not None:
        return outage.told_normal and outage.report is not None and outage.report.arrived
    return not host.seen_in_service or all(link.value is not Membership.DOWN for link in host.links)


def _other_names(state: State, before: Segments, after: Segments) -> Iterator[Verdict]:
    """Hosts that masakari has under a name which differs in case, told once."""
    known, registered = before.hosts or {}, after.hosts or {}
    for name in state.hosts:
        theirs = registered.get(name.casefold(), name)
        if theirs != name and known.get(name.casefold()) != theirs:
            yield Verdict(f"host:{name}", Ruling.HELD, messages.other_case(name, theirs), alarm=True)


def _take_unseen(
    policy: Policy, cluster: Cluster, state: State, now: Instant
) -> tuple[Cluster, tuple[Verdict, ...]]:
    """Registered hosts that no link lists, once everything has been in sight for a while."""
    seen_since = max(view.since for view in cluster.views.values())
    if not cluster.sees_all(now.monotonic) or now.monotonic < seen_since + UNSEEN_AFTER:
        return cluster, ()
    ours = {name.casefold() for name in state.hosts.keys() - state.nowhere} | policy.own_folds
    unseen = frozenset(name for fold, name in (cluster.segments.hosts or {}).items() if fold not in ours)
    if unseen == cluster.unseen:
        return cluster, ()
    cluster = replace(cluster, unseen=unseen)
    if not unseen:
        return cluster, (Verdict("hosts unseen", Ruling.RECOVERED, messages.ALL_SEEN),)
    return cluster, (Verdict("hosts unseen", Ruling.BLIND, messages.unseen(sorted(unseen)), alarm=True),)
