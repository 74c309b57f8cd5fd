"""The storm guard of hosts: many failures at once are held, because it may be the network, or the watcher.

Pure. In: the open outages of this moment. Out: the storms that begin, last or end in it, of all hosts and of each
failure domain; when one has stood its time, its hosts are released, but for those that nobody can prove to be off
while as many are down.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.core.storm import EVERYWHERE, GuardPolicy, Storm, evaluate
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Outage, Phase, Release

CASCADE = 86400.0
"""Seconds: hosts that failed within them and are still down count together, however slowly they went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The storms after one evaluation, what is said of them, and the hosts that were released by it."""

    storms: Mapping[str, Storm]
    verdicts: tuple[Verdict, ...] = ()
    released: Mapping[str, HostState] = field(default_factory=dict)


def evaluate_storms(
    court: Court, hosts: Mapping[str, HostState], troubled: Iterable[str], storms: Mapping[str, Storm]
) -> Weather:
    """Begin, keep or end the storms of this moment; a host that is not `troubled` is plainly up."""
    troubled = set(troubled)
    open_ones = {name: outage for name in troubled if (outage := hosts[name].outage) is not None}
    if not open_ones and not storms:
        return Weather(storms=storms)
    scopes: dict[str, dict[str, Outage]] = {EVERYWHERE: open_ones}
    for name, outage in open_ones.items():
        domain = court.policy.domains.get(name)
        if domain is not None:
            scopes.setdefault(domain, {})[name] = outage
    weather = Weather(storms=storms)
    for scope in sorted({*scopes, *storms}):
        # A scope without a threshold has no storms, and its hosts need not be counted.
        if court.policy.guard.of(scope) > 0:
            known = _count_known(court, hosts, troubled, scope)
            weather = _evaluate_scope(court, hosts, scope, scopes.get(scope, {}), known, weather)
    return weather


def _evaluate_scope(
    court: Court,
    hosts: Mapping[str, HostState],
    scope: str,
    members: Mapping[str, Outage],
    known: int,
    weather: Weather,
) -> Weather:
    policy, before = court.policy.guard, weather.storms.get(scope)
    # What somebody works on is no weather: it joins when the work ends, and then it has failed since that moment.
    failing = {
        name
        for name, outage in members.items()
        if not _worked_on(hosts[name]) and not _let_go(court, hosts[name], outage)
    }
    held = {name for name in failing if not _told(members[name])} - weather.released.keys()
    down = {name for name, outage in members.items() if _is_down(court, hosts[name], outage)}
    step = evaluate(
        before,
        scope,
        {name: max(members[name].failed.monotonic, hosts[name].planned_until) for name in failing},
        held,
        down=down,
        known=known,
        view_lost=any(_out_of_sight(court, hosts[name]) for name in held),
        policy=policy,
        now=court.monotonic,
    )
    freed, release = set[str](), dict[str, Release]()
    if step.released:
        calm = not policy.too_many(scope, len(down), known)
        alive = {name for name in held if Membership.UP in court.values(hosts[name])}
        freed = held if calm else alive
        # Who lives is let go for as long as it does, even in a calm: all its links may fall yet, with many others.
        release = {name: Release.ALIVE if name in alive else Release.CALM for name in freed}
    storm = step.storm if held - freed else None
    released = {
        name: replace(hosts[name], outage=replace(members[name], release=why))
        for name, why in release.items()
    }
    storms = {name: other for name, other in weather.storms.items() if name != scope}
    if storm is not None:
        storms[scope] = storm
    return Weather(
        storms=storms,
        verdicts=(*weather.verdicts, *_said(before, storm, scope, known, policy, bool(freed))),
        released={**weather.released, **released},
    )


def _said(
    before: Storm | None, storm: Storm | None, scope: str, known: int, policy: GuardPolicy, freed: bool
) -> Iterator[Verdict]:
    subject = f"storm:{scope}"
    if storm is None:
        if before is not None:
            yield Verdict(subject, Ruling.RECOVERED, messages.storm_over(freed, policy), alarm=freed)
        return
    names = ", ".join(sorted(storm.failed))
    if before is None:
        yield Verdict(subject, Ruling.HELD, messages.storm(storm, known, policy), evidence=names, alarm=True)
    elif storm.stood and not before.stood:
        yield Verdict(subject, Ruling.HELD, messages.storm_stands(policy), evidence=names, alarm=True)


def _worked_on(host: HostState) -> bool:
    return host.work is not Work.NONE


def _let_go(court: Court, host: HostState, outage: Outage) -> bool:
    """Whether no storm holds it; the values are looked at only of those of whom that depends on them."""
    if outage.release is not Release.ALIVE:
        return outage.let_go(seen_up=False)
    return outage.let_go(Membership.UP in court.values(host))


def _told(outage: Outage) -> bool:
    """Whether masakari has it as NORMAL, so that there is nothing left to hold."""
    return outage.told_normal and outage.report is not None and outage.report.arrived


def _is_down(court: Court, host: HostState, outage: Outage) -> bool:
    """Whether it counts among those that are down together."""
    if _failed_for(court, outage) > CASCADE:
        return False
    if outage.phase is Phase.UNSURE:
        # What was down before a restart is not down now before it is seen.
        return outage.failed.monotonic > -math.inf and _out_of_sight(court, host)
    return outage.phase is Phase.FAILING


def _failed_for(court: Court, outage: Outage) -> float:
    """Seconds; by the wall clock only where its beginning was not seen in this life: that one may be set by years."""
    if outage.failed.monotonic > -math.inf:
        return court.monotonic - outage.failed.monotonic
    return (court.now.wall - outage.failed.wall).total_seconds()


def _out_of_sight(court: Court, host: HostState) -> bool:
    """Whether only a link that is not seen now keeps the host from being judged.

    A host that flaps is not out of sight: it must not hold up the others' release.
    """
    return host.phase is Phase.UNSURE and court.policy.matrix.ask(court.standing(host)) is Answer.RECOVER


def _count_known(court: Court, hosts: Mapping[str, HostState], troubled: Set[str], scope: str) -> int:
    """How many hosts the scope has; those who left or were never in service are not of the crowd."""
    if scope == EVERYWHERE:
        return len(hosts) - sum(not _belongs(hosts[name]) for name in troubled)
    return sum(
        domain == scope and name in hosts and _belongs(hosts[name])
        for name, domain in court.policy.domains.items()
    )


def _belongs(host: HostState) -> bool:
    return host.outage is not None or any(
        link.value in (Membership.UP, Membership.DOWN) and link.proven for link in host.links
    )
