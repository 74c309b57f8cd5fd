"""What spans hosts and is no host's own: this monitor's sight of each link, who reports, and the times of both.

Pure. In: a word of the election, or time. Out: the news: who may send from now on, what is adopted from the ledger,
what is given up; which views have begun or ceased to count.
"""

import datetime
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from masakarimonitors.core.decision import Instant, Ruling, Verdict
from masakarimonitors.hostmonitor.core.election.reporter import (
    WORD_PATIENCE,
    Change,
    Reporter,
    Standing,
    hear,
    pass_time,
)
from masakarimonitors.hostmonitor.core.evidence.membership import ViewState
from masakarimonitors.hostmonitor.core.evidence.proof import after_another
from masakarimonitors.hostmonitor.core.fleet.news import News, of_judgements
from masakarimonitors.hostmonitor.core.ledger import (
    LedgerEntry,
    outages,
    owed_in,
    without_bmcs,
    without_followed,
)
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    NoElection,
)
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.handover import adopt, depose, disinherit, disown, inherit
from masakarimonitors.hostmonitor.core.outages.host import HostState, new_host
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.state import Cluster, Policy, State

Word = Leader | Follower | NoElection

CLOCKS_APART = datetime.timedelta(days=1)
"""No two clocks of one cloud stand further apart than this."""


# -- who reports --------------------------------------------------------------------------------------


def take_word(policy: Policy, state: State, seen: Word, now: Instant) -> News:
    """A word of the election."""
    before = state.cluster.reporter
    if not policy.elected:
        return News(cluster=state.cluster)
    if isinstance(seen, Leader):
        seen = replace(seen, good_for=seen.good_for - now.unnoticed_since(seen.at))
    after, change = hear(before, seen, now.monotonic)
    ledger = None if isinstance(seen, NoElection) else seen.ledger
    if ledger is not None:
        ledger = without_followed(without_bmcs(ledger))
    return _changed(policy, state, after, change, ledger, now)


def _changed(
    policy: Policy,
    state: State,
    after: Reporter,
    change: Change,
    ledger: Mapping[str, LedgerEntry] | None,
    now: Instant,
) -> News:
    before = state.cluster.reporter
    verdicts: tuple[Verdict, ...] = ()
    news = (before.standing, before.leader, before.delivers is False) != (
        after.standing,
        after.leader,
        after.delivers is False,
    )
    if news:
        alone = after.standing in (Standing.ALL, Standing.NO_ELECTION) or after.delivers is False
        ruling = Ruling.ACTED if after.reports else Ruling.HELD
        verdicts = (Verdict("reporter", ruling, messages.reporter(after), alarm=alone),)
    hosts = _Hosts(policy, state)
    if change is Change.LOST:
        for name in sorted(state.troubled):
            hosts.change(name, depose)
    if change is Change.GAINED and before.standing is not Standing.ALL:
        for name in sorted(state.troubled):
            hosts.change(name, lambda judgement: judgement.but(proofs=after_another(judgement.host.proofs)))
    cluster = replace(state.cluster, latest=_latest(state.cluster))
    followed = ledger is not None and after.standing is Standing.FOLLOWER
    read = ledger is not None and not (after.standing is Standing.LEADER and after.term_read)
    if ledger is not None and read:
        if change is Change.GAINED:
            _disown(hosts, before, ledger, now)
        heard = _heard(cluster, before, ledger, now)
        _adopt(hosts, after, outages(ledger), heard, now)
        _inherit(hosts, ledger)
        after = replace(after, term_read=after.standing is Standing.LEADER)
        # What is not in it although this monitor knows of it was not written yet; the leader writes the whole.
        cluster = replace(cluster, ledger=dict(ledger), heard=heard if followed else {})
    cluster = replace(cluster, reporter=after, followed=followed, heard=cluster.heard if followed else {})
    return replace(
        of_judgements(cluster, hosts.changed(), *verdicts),
        recheck_all=news or read,
        gained=change is Change.GAINED,
    )


class _Hosts:
    """Hosts that are changed one after another; local to one call."""

    def __init__(self, policy: Policy, state: State) -> None:
        self.policy, self.state = policy, state
        self._judgements: dict[str, Judgement] = {}

    def of(self, name: str) -> Judgement:
        """The host as it stands in this call; a newcomer if nothing is known of it."""
        known = self._judgements.get(name)
        if known is not None:
            return known
        sequence = self.policy.matrix.sequence
        host = self.state.hosts.get(name) or new_host(len(sequence))
        return Judgement(name=name, sequence=sequence, host=host)

    def change(self, name: str, by: Callable[[Judgement], Judgement]) -> None:
        """Change a host that has an open outage, or does nothing."""
        before = self.of(name)
        if before.host.outage is not None:
            self.put(before, by(before))

    def put(self, before: Judgement, after: Judgement) -> None:
        """Keep what has changed."""
        if after != before:
            self._judgements[after.name] = after

    def changed(self) -> list[Judgement]:
        """All that have changed."""
        return list(self._judgements.values())


def _disown(hosts: _Hosts, before: Reporter, ledger: Mapping[str, LedgerEntry], now: Instant) -> None:
    """What an earlier leader has closed since is not reported any more, whatever we remember.

    Reports of the time in which all reported, or nobody, stand in no ledger; nobody else can have closed those.
    """
    state = hosts.state
    led = before.standing in (Standing.FOLLOWER, Standing.UNKNOWN)
    for name in sorted(state.troubled - ledger.keys()):
        if led or name in state.cluster.ledger:
            hosts.change(name, lambda judgement: disown(judgement, now))


def _heard(
    cluster: Cluster, before: Reporter, ledger: Mapping[str, LedgerEntry], now: Instant
) -> Mapping[str, float]:
    """When each outage in the ledger was heard of: of what has come since the last reading, which was of the reporter
    that this monitor followed, at this moment; of what stood in the first one nobody knows.

    Nor is it known of what stood there before, or is older than clocks stand apart: a store that was restored from a
    snapshot shows what was written then.
    """
    follows = cluster.followed and before.standing is Standing.FOLLOWER
    known = {name: entry.reported_at for name, entry in cluster.ledger.items()}
    heard = {}
    for name, entry in outages(ledger).items():
        latest = cluster.latest.get(name)
        past = latest is not None and entry.reported_at <= latest
        if known.get(name) == entry.reported_at:
            heard[name] = cluster.heard.get(name, -math.inf)
        elif follows and not past and now.wall - entry.reported_at <= CLOCKS_APART:
            heard[name] = now.monotonic
        else:
            heard[name] = -math.inf
    return heard


def _latest(cluster: Cluster) -> Mapping[str, datetime.datetime]:
    """With what stands in the ledger, as far as that is newer."""
    newer = {
        name: entry.reported_at
        for name, entry in outages(cluster.ledger).items()
        if name not in cluster.latest or entry.reported_at > cluster.latest[name]
    }
    return {**cluster.latest, **newer} if newer else cluster.latest


def _adopt(
    hosts: _Hosts,
    after: Reporter,
    ledger: Mapping[str, LedgerEntry],
    heard: Mapping[str, float],
    now: Instant,
) -> None:
    for name, entry in ledger.items():
        if hosts.policy.is_own(name):
            continue
        before = hosts.of(name)
        if after.standing is Standing.FOLLOWER and _is_well(hosts, before.host, now):
            continue  # the reporter has seen first what we are about to see, or is about to close it
        hosts.put(before, adopt(before, entry, now, heard[name]))


def _inherit(hosts: _Hosts, ledger: Mapping[str, LedgerEntry]) -> None:
    """What is owed after outages that are over; this host's own is looked after by whoever reports next."""
    owed = owed_in(ledger)
    if owed is None:
        return
    for name, words in owed.items():
        if not hosts.policy.is_own(name):
            before = hosts.of(name)
            hosts.put(before, inherit(before, words))
    for name in sorted(hosts.state.troubled - owed.keys()):
        before = hosts.of(name)
        hosts.put(before, disinherit(before))


def _is_well(hosts: _Hosts, host: HostState, now: Instant) -> bool:
    return (
        host.outage is None
        and hosts.state.cluster.sees_all(now.monotonic)
        and (host.only_left or all(link.value is Membership.UP for link in host.links))
    )


# -- what time brings -----------------------------------------------------------------------------------


def lapsed(cluster: Cluster, now: Instant) -> bool:
    """Whether time alone has ended what a word could renew: the sight of a link, or this monitor's own authority."""
    blind = any(view.live and not view.counts(now.monotonic) for view in cluster.views.values())
    reporter = cluster.reporter
    return blind or (reporter.standing is Standing.LEADER and reporter.due(now.monotonic) is not None)


def notice(policy: Policy, state: State, now: Instant) -> News:
    """What this moment changes without a word from anyone: leases that end, views that count or lapse, patience."""
    cluster = state.cluster
    if cluster.began == math.inf:
        readings = cluster.work_readings.begun(now)
        cluster = replace(cluster, began=now.monotonic, work_readings=readings)
        state = replace(state, cluster=cluster)
    news = News(cluster=cluster)
    while policy.elected:
        after, change = pass_time(state.cluster.reporter, now.monotonic)
        if after is state.cluster.reporter:
            break
        step = _changed(policy, state, after, change, None, now)
        hosts = {**state.hosts, **{name: host for name, host in step.hosts.items() if host is not None}}
        state = replace(state, cluster=step.cluster, hosts=hosts)
        news = replace(
            step,
            hosts={**news.hosts, **step.hosts},
            commands=(*news.commands, *step.commands),
            verdicts=(*news.verdicts, *step.verdicts),
            recheck_all=news.recheck_all or step.recheck_all,
        )
    views, told = _notice_views(news.cluster, now)
    changed = any(views[name].live != view.live for name, view in news.cluster.views.items())
    cluster = replace(news.cluster, views=views) if told or changed else news.cluster
    cluster, warned = _warn(policy, cluster, now)
    if cluster is news.cluster and not (told or warned or changed):
        return news
    return replace(
        news,
        cluster=cluster,
        verdicts=(*news.verdicts, *told, *warned),
        recheck_all=news.recheck_all or changed,
    )


def _notice_views(cluster: Cluster, now: Instant) -> tuple[dict[str, ViewState], list[Verdict]]:
    views, verdicts = dict(cluster.views), list[Verdict]()
    for name, view in cluster.views.items():
        live = view.counts(now.monotonic)
        if live == view.live and (live or view.told or view.proven or not view.heard):
            continue
        since = now.monotonic if live != view.live else view.since
        views[name] = replace(view, live=live, told=not live, since=since)
        if live:
            why = f"this monitor sees {name}: {view.why}"
            verdicts.append(Verdict(f"link:{name}", Ruling.RECOVERED, why))
            continue
        others = [other for other, seen in cluster.views.items() if seen.counts(now.monotonic)]
        why = messages.blind(name, view.explain(now.monotonic), others)
        verdicts.append(Verdict(f"link:{name}", Ruling.BLIND, why, alarm=True))
    return views, verdicts


def _warn(policy: Policy, cluster: Cluster, now: Instant) -> tuple[Cluster, list[Verdict]]:
    """Once each: no word of the election, maintenance that nobody ends."""
    verdicts: list[Verdict] = []
    reporter = cluster.reporter
    if policy.elected and not reporter.warned and now.monotonic >= _word_due(cluster):
        cluster = replace(cluster, reporter=replace(reporter, warned=True))
        verdicts.append(Verdict("reporter", Ruling.BLIND, messages.NO_WORD, alarm=True))
    limit = policy.maintenance_warning
    late = [
        name
        for name, kept in cluster.maintenance.items()
        if not kept.warned and now.monotonic >= kept.since + limit
    ]
    if late:
        warned = {name: replace(cluster.maintenance[name], warned=True) for name in late}
        cluster = replace(cluster, maintenance={**cluster.maintenance, **warned})
        why = messages.long_maintenance(limit)
        verdicts += [Verdict(f"host:{name}", Ruling.PLANNED, why, alarm=True) for name in late]
    return cluster, verdicts


def _word_due(cluster: Cluster) -> float:
    """When the absence of any word of the election is an alarm."""
    return cluster.began + WORD_PATIENCE if cluster.reporter.standing is Standing.UNKNOWN else math.inf


def times(policy: Policy, cluster: Cluster) -> Iterator[float]:
    """When something of this is due by itself (monotonic seconds)."""
    yield from (view.until for view in cluster.views.values() if view.live)
    if policy.elected:
        yield cluster.reporter.until
        if not cluster.reporter.warned:
            yield _word_due(cluster)
    for storm in cluster.storms.values():
        look = storm.look_at(policy.guard.hold)
        if look is not None:
            yield look
    limit = policy.maintenance_warning
    yield from (kept.since + limit for kept in cluster.maintenance.values() if not kept.warned)
