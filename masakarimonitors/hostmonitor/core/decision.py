"""The one place where a host's failure is found: `decide(state, observation, now)`, pure.

In: observations of any driver. Out: the next state and what to do. What has lapsed is noticed first (`cluster.py`),
the observation is ingested (`ingest.py`), each host that it touches or whose time has come is judged by itself
(`judge.py`), the storms of this moment are counted (`storms.py`), and what failed is pursued past the gates
(`pursue.py`). What follows from all of them (what to remember, the ledger, the one alarm) is derived here. The rules
and their reasons are in docs/hostmonitor.rst.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import (
    Command,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Woken,
)
from masakarimonitors.core.notification import HOSTNAME
from masakarimonitors.core.storm import Storm
from masakarimonitors.hostmonitor.core.election.reporter import Standing, stagger
from masakarimonitors.hostmonitor.core.evidence.planned import MEMORY as PLANNED
from masakarimonitors.hostmonitor.core.evidence.planned import memo_read
from masakarimonitors.hostmonitor.core.fleet.cluster import lapsed, notice, times
from masakarimonitors.hostmonitor.core.fleet.news import News, of_judgements
from masakarimonitors.hostmonitor.core.fleet.silencing import pass_silences
from masakarimonitors.hostmonitor.core.fleet.storms import evaluate_storms
from masakarimonitors.hostmonitor.core.ingest import ingest
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.judging.judge import judge
from masakarimonitors.hostmonitor.core.judging.pursue import pursue
from masakarimonitors.hostmonitor.core.ledger import OWED, LedgerEntry, Words, owed_in, with_owed
from masakarimonitors.hostmonitor.core.observation import (
    DomainsChanged,
    GuardChanged,
    MatrixChanged,
    Membership,
    Observation,
    WriteLedger,
)
from masakarimonitors.hostmonitor.core.outages import aftermath, messages
from masakarimonitors.hostmonitor.core.outages.host import MEMORY, HostState, memo
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement, started
from masakarimonitors.hostmonitor.core.outages.outage import Phase, UnlistedMove
from masakarimonitors.hostmonitor.core.state import Cluster, Policy, State

ALARM = "hosts"
"""The one wake-up that the core sets: whatever is due then is looked at."""

_SHORTEST = 0.001
"""Seconds between two looks at one host without news."""


@dataclass(frozen=True, slots=True)
class Decider:
    """`decide` with its policy bound."""

    policy: Policy

    def __call__(
        self, state: State, observation: Observation | Woken, now: Instant
    ) -> tuple[State, Decision]:
        """Judge one observation, by the rules that are in force from it on."""
        if isinstance(observation, MatrixChanged):
            state = replace(state, matrix=replace(self.policy.matrix, recover=observation.recover))
        state, told = _take_storm_rules(state, observation, self.policy.own)
        after, decision = Decider(self.policy.under(state))._judge(state, observation, now)
        return after, Decision(decision.commands, (*told, *decision.verdicts)) if told else decision

    def _judge(self, state: State, observation: Observation | Woken, now: Instant) -> tuple[State, Decision]:
        news = self._take_in(state, observation, now)
        hosts = dict(state.hosts)
        for name, host in news.hosts.items():
            if host is None:
                hosts.pop(name, None)
            else:
                hosts[name] = host
        round_ = _Round(self.policy, state, hosts, news, now)
        round_.judge()
        round_.weigh_storms()
        round_.pursue()
        return round_.end(woken=isinstance(observation, Woken))

    def _take_in(self, state: State, observation: Observation | Woken, now: Instant) -> News:
        """What has lapsed before the observation came, the observation, and then what this moment changes by itself."""
        policy = self.policy
        cluster = state.cluster.after_standstill(state.decided, now)
        if cluster is not state.cluster:
            state = replace(state, cluster=cluster)
        lapse = self._let_lapse(state, now)
        state = _after(state, lapse)
        try:
            first = ingest(policy, state, observation, now)
        except UnlistedMove as move:
            if policy.strict:
                raise
            first = News(cluster=state.cluster, verdicts=(_impossible("hosts", move),))
        after = _after(state, first)
        second = notice(policy, after, now)
        news = lapse.then(first).then(second)
        if second.cluster.silences.rests:
            return news
        return news.then(pass_silences(policy, _after(after, second), now))

    def _let_lapse(self, state: State, now: Instant) -> News:
        """What time alone has ended, sight or an authority, before anything is heard that would renew it.

        The process may have stood still, for hours: what comes first after that may be a new proof of sight, and a
        host may have been up, and put back, meanwhile. So those with an open outage are judged in the gap.
        """
        if not lapsed(state.cluster, now):
            return News(cluster=state.cluster)
        news = notice(self.policy, state, now)
        between = _after(state, news)
        for name in sorted(between.troubled):
            host = between.hosts[name]
            if host.outage is None:
                continue
            try:
                one = judge(name, host, news.cluster, self.policy, now)
            except UnlistedMove as move:
                if self.policy.strict:
                    raise
                news = replace(news, verdicts=(*news.verdicts, _impossible(f"host:{name}", move)))
                continue
            news = news.then(of_judgements(news.cluster, [one]))
        return news


def _take_storm_rules(
    state: State, observation: Observation | Woken, own: str
) -> tuple[State, tuple[Verdict, ...]]:
    """How storms are counted changes when none stands: whom one holds is not let go because a file was edited."""
    if isinstance(observation, DomainsChanged | GuardChanged):
        state = replace(state, coming=(*state.coming, observation))
        if state.cluster.storms:
            return state, (_storm_rules(own, observation, messages.STORM_RULES_COMING),)
    if not state.coming or state.cluster.storms:
        return state, ()
    domains, guard = state.domains, state.guard
    for one in state.coming:
        if isinstance(one, DomainsChanged):
            domains = one.domains
        else:
            guard = one.guard
    verdicts = tuple(_storm_rules(own, one, messages.STORM_RULES_CHANGED) for one in state.coming)
    return replace(state, domains=domains, guard=guard, coming=()), verdicts


def _storm_rules(own: str, changed: DomainsChanged | GuardChanged, why: str) -> Verdict:
    what, evidence = (
        ("failure domains", changed.path)
        if isinstance(changed, DomainsChanged)
        else ("limits of storms", changed.where)
    )
    return Verdict(f"host:{own}", Ruling.ACTED, why.format(what=what), evidence=evidence)


def _after(state: State, news: News) -> State:
    """The state with what the news have changed; who is forgotten is so at the end."""
    known = {name: host for name, host in news.hosts.items() if host is not None}
    if not known and news.cluster is state.cluster:
        return state
    return replace(state, cluster=news.cluster, hosts={**state.hosts, **known} if known else state.hosts)


def _impossible(subject: str, move: UnlistedMove) -> Verdict:
    why = f"a bug of this program: {move}; nothing was changed by it. Please report it with the log"
    return Verdict(subject, Ruling.HELD, why, alarm=True)


class _Round:
    """One call of `decide`: the hosts that are looked at, one by one, and what has come out so far."""

    def __init__(
        self, policy: Policy, old: State, hosts: dict[str, HostState], news: News, now: Instant
    ) -> None:
        self.policy, self.old, self.now = policy, old, now
        self.hosts, self.news, self.cluster = hosts, news, news.cluster
        due = {name for name, at in old.agenda.items() if at <= now.monotonic}
        self.looked_at = (due | news.hosts.keys()) & hosts.keys()
        self.changed = set(news.hosts)
        if news.recheck_all:
            self.looked_at |= old.troubled & hosts.keys()
        self.agenda = {name: at for name, at in old.agenda.items() if name in hosts}
        self.commands: list[Command] = list(news.commands)
        self.verdicts: list[Verdict] = list(news.verdicts)

    # -- the three looks --------------------------------------------------------------------------

    def judge(self) -> None:
        """Each host by itself."""
        for name in sorted(self.looked_at):
            self.agenda.pop(name, None)
            self._look(name, lambda name, host: judge(name, host, self.cluster, self.policy, self.now))

    def weigh_storms(self) -> None:
        """All of them together."""
        court = Court(cluster=self.cluster, policy=self.policy, now=self.now)
        weather = evaluate_storms(court, self.hosts, self._maybe_troubled(), self.cluster.storms)
        if _storms_change(self.cluster.storms, weather.storms):
            # What a storm has held or holds is looked at once more.
            self.looked_at |= self.old.troubled & self.hosts.keys()
        if weather.storms is not self.cluster.storms:
            self.cluster = replace(self.cluster, storms=weather.storms)
        self.verdicts += weather.verdicts
        self.hosts.update(weather.released)
        self.looked_at |= weather.released.keys()
        self.changed |= weather.released.keys()

    def pursue(self) -> None:
        """What failed, past the gates."""
        for name in sorted(self.looked_at):
            if self.hosts[name].phase is Phase.FAILING:
                self._give_turn(name)
                self._look(name, self._pursue)

    def _pursue(self, name: str, host: HostState) -> Judgement:
        blank = Judgement(name=name, sequence=self.policy.matrix.sequence, host=host)
        return pursue(blank, self.cluster, self.policy, self.now)

    def _give_turn(self, name: str) -> None:
        """While all report: how long this monitor leaves the first word to the others."""
        host = self.hosts[name]
        outage = host.outage
        if outage is None or outage.stagger is not None or self.cluster.reporter.standing is not Standing.ALL:
            return
        up = (other for other, seen in self.hosts.items() if _is_up(seen)) if self.policy.stagger else ()
        turn = stagger(name, self.policy.own, up, self.policy.stagger)
        self.hosts[name] = replace(host, outage=replace(outage, stagger=turn))

    def _look(self, name: str, by: Callable[[str, HostState], Judgement]) -> None:
        try:
            judgement = by(name, self.hosts[name])
        except UnlistedMove as move:
            if self.policy.strict:
                raise
            self.verdicts.append(_impossible(f"host:{name}", move))
            return
        if judgement.host is not self.hosts[name]:
            self.hosts[name] = judgement.host
            self.changed.add(name)
        self.commands += judgement.commands
        self.verdicts += judgement.verdicts
        if judgement.look < math.inf:
            look = min(judgement.look, self.agenda.get(name, math.inf))
            # What is due at this moment was looked at just now: a bug would keep the processor busy for ever.
            assert look > self.now.monotonic or not self.policy.strict, f"{name} is looked at without end"
            self.agenda[name] = max(look, self.now.monotonic + _SHORTEST)

    # -- the end ----------------------------------------------------------------------------------

    def end(self, woken: bool) -> tuple[State, Decision]:
        """The next state and the decision; `woken`: the alarm that was set has gone off."""
        self._tell_own_return()
        for name in sorted(self.changed):
            self._remember(name)
        troubled = frozenset(
            name for name in self._maybe_troubled() if _is_troubled(self.hosts[name], self.policy.samples)
        )
        cluster, ledger = self.cluster, self._keep_ledger(troubled)
        if ledger is not cluster.ledger:
            cluster = replace(cluster, ledger=ledger)
        if cluster.work_readings != self.old.cluster.work_readings:
            self.commands.append(Remember(PLANNED, memo_read(cluster.work_readings)))
        wake_at = self._set_alarm(cluster, None if woken else self.old.wake_at)
        state = State(
            hosts=self.hosts,
            cluster=cluster,
            troubled=troubled,
            agenda=self.agenda,
            wake_at=wake_at,
            decided=self.now,
            matrix=self.old.matrix,
            domains=self.old.domains,
            guard=self.old.guard,
            coming=self.old.coming,
        )
        return state, Decision(tuple(self.commands), tuple(self.verdicts))

    def _maybe_troubled(self) -> set[str]:
        """Every host that may need a look: those troubled before, and those looked at now."""
        return set((self.old.troubled | self.looked_at | self.changed) & self.hosts.keys())

    def _tell_own_return(self) -> None:
        """Our own host was reported by an earlier leader, and now we are the leader and see every link.

        That is no judgement of ourselves: whoever leads was elected, runs and is connected.
        """
        cluster = self.cluster
        own = [name for name in cluster.ledger if self.policy.is_own(name)]
        if not own or not _leads(cluster) or not cluster.sees_all(self.now.monotonic):
            return
        ledger = {name: entry for name, entry in cluster.ledger.items() if name not in own}
        self.cluster = replace(cluster, ledger=ledger)
        for name in own:
            if HOSTNAME.match(name):
                self.commands.append(Notify(started(name, self.now), messages.OWN_BACK))
            self.verdicts.append(Verdict(f"host:{name}", Ruling.RECOVERED, messages.OWN_BACK))

    def _remember(self, name: str) -> None:
        old, new = self.old.hosts.get(name), self.hosts.get(name)
        sequence = self.policy.matrix.sequence
        before = memo(old, sequence) if old is not None else None
        after = memo(new, sequence) if new is not None else None
        if before != after:
            self.commands.append(Remember(MEMORY + name, after))

    def _keep_ledger(self, troubled: Iterable[str]) -> Mapping[str, LedgerEntry]:
        """The open outages, and what is owed after others, for the next leader: the whole of it at each gain, and
        whenever it changes."""
        ledger = self.cluster.ledger
        if not _leads(self.cluster):
            return ledger
        told = {name: entry for name, entry in ledger.items() if self.policy.is_own(name)}
        owed = self._owed_here(owed_in(ledger) or {})
        for name in sorted(troubled):
            host = self.hosts[name]
            if host.outage is not None and host.outage.report is not None:
                told[name] = host.outage.report.entry
            if host.aftermath is not None:
                owed[name] = aftermath.said(host.aftermath)
        entries = with_owed(told, owed) if owed or OWED in ledger else told
        if self.news.gained or entries != self.old.cluster.ledger or not _leads(self.old.cluster):
            self.commands.append(WriteLedger(entries))
        return ledger if entries == ledger else entries

    def _owed_here(self, owed: Mapping[str, Words]) -> dict[str, Words]:
        """What others wrote of this host, which its monitor does not judge, until masakari shows it in service."""
        cluster = self.cluster
        read = cluster.segments.read_at >= cluster.reporter.since
        return {
            name: words
            for name, words in owed.items()
            if self.policy.is_own(name)
            and not (read and name not in cluster.maintenance and aftermath.is_out(words))
        }

    def _set_alarm(self, cluster: Cluster, current: float | None) -> float | None:
        due = (*self.agenda.values(), *times(self.policy, cluster), *cluster.silences.times(self.now))
        wanted = min(due, default=math.inf)
        # A proof that is renewed every second only moves the alarm later: it is left where it is,
        # finds nothing due, and is set anew.
        # One whose time is over has gone off: a decision that failed then must not silence those that follow.
        if current is not None and current <= self.now.monotonic:
            current = None
        if wanted == math.inf or (current is not None and current <= wanted):
            return current
        self.commands.append(WakeAt(ALARM, wanted))
        return wanted


def _storms_change(before: Mapping[str, Storm], after: Mapping[str, Storm]) -> bool:
    """Whether a storm has begun, ended, or stood its time."""
    return {(scope, storm.stood) for scope, storm in before.items()} != {
        (scope, storm.stood) for scope, storm in after.items()
    }


def _leads(cluster: Cluster) -> bool:
    """Whether this monitor alone reports, and so writes the ledger."""
    return cluster.reporter.standing is Standing.LEADER


def _is_up(host: HostState) -> bool:
    return host.outage is None and any(link.value is Membership.UP for link in host.links)


def _is_troubled(host: HostState, samples: int) -> bool:
    if host.work_record.kept or host.aftermath is not None:
        return True
    return bool(host.outage or host.told or not host.seen_in_service) or any(
        link.value is not Membership.UP or not link.streak.firm(samples) for link in host.links
    )
