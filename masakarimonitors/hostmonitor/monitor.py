"""The host monitor, wired: options to policy, a driver and masakari's segments to the core.

Reads the configuration; only the drivers' own `build` functions do so beside it.
"""

import asyncio
import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.core.decision import JSON, Decision, Instant
from masakarimonitors.core.finding import Finding, warning
from masakarimonitors.core.notification import HostEvent, HostNotification, ReportStatus, Settled
from masakarimonitors.core.printable import printable
from masakarimonitors.core.silences import book
from masakarimonitors.core.silences.silence import ALL, DOMAIN, HOST
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.decision import Decider
from masakarimonitors.hostmonitor.core.election.reporter import Standing, Word
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.explained import count, explain
from masakarimonitors.hostmonitor.core.judging.leaving import may_offer
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, WrongBmcs
from masakarimonitors.hostmonitor.core.observation import Answered, Observation, Outcome
from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO
from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy, State, restore
from masakarimonitors.hostmonitor.core.unconfirmed import judge as judge_unconfirmed
from masakarimonitors.hostmonitor.core.unconfirmed import well
from masakarimonitors.hostmonitor.drivers import base, thirdparty
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.hostmonitor.effects.bmc_ledger import BmcLedger
from masakarimonitors.hostmonitor.effects.bmc_rounds import BmcRounds, beside, remembered
from masakarimonitors.hostmonitor.effects.life import SignsOfLife
from masakarimonitors.hostmonitor.effects.reports import ReportLookups
from masakarimonitors.hostmonitor.effects.routing import Routed
from masakarimonitors.hostmonitor.effects.unasked import unasked
from masakarimonitors.hostmonitor.input_files import parse_domains
from masakarimonitors.hostmonitor.power.examine import examine
from masakarimonitors.hostmonitor.sources.inherited import Inherited
from masakarimonitors.hostmonitor.sources.leading import Leading
from masakarimonitors.hostmonitor.sources.overheard import Overheard, Tapped
from masakarimonitors.hostmonitor.sources.path import OwnPath
from masakarimonitors.hostmonitor.sources.peers import Peers
from masakarimonitors.hostmonitor.sources.rules import ChangedRules
from masakarimonitors.hostmonitor.sources.segments import Segments
from masakarimonitors.hostmonitor.status import describe, grid, views
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.monitor import InputFile, MasakariReader, Monitor, Source
from masakarimonitors.silencing.desk import SilenceDesk
from masakarimonitors.status.model import as_of_state
from masakarimonitors.system.clock import Clock, SystemClock, boot_id
from masakarimonitors.system.files.operators_file import Unreadable, in_time, read_text
from masakarimonitors.system.files.yaml_file import YamlFileFault


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock, api: MasakariReader
) -> Monitor[Any, Any]:
    """The monitor, not running yet; `memory` is what it remembered in its last life.

    `api` tells which hosts masakari has in its segments.

    Raises ConfigFault for what an operator must mend.
    """
    name = conf.host.monitoring_driver
    thirdparty.offer_options(conf)
    make = base.load(name)
    if conf.shadow:
        return wire(conf, _shadowed(conf, name, make, clock), memory, clock, api)
    if base.is_foreign(make):
        return thirdparty.monitor(name, make, clock)
    return wire(conf, make(conf, conf.hostname, clock), memory, clock, api)


def _shadowed(conf: cfg.ConfigOpts, name: str, make: Any, clock: Clock) -> Driver:
    """The driver as one of a shadow: it has made neither a prover nor an election, and keeps its eyes alone."""
    if base.is_foreign(make):
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: a driver of others' sends by itself, so there is no shadow of it. "
            "Take [DEFAULT] shadow out, or name one of this project's drivers."
        )
    asks_bmc, by_file = not conf.host.disable_ipmi_check, bool(conf.host.power_config_file)
    driver: Driver = make(conf, conf.hostname, clock)
    needs_proof = driver.needs_proof or (asks_bmc and by_file)
    return unasked(driver, clock, asks_bmc=asks_bmc, needs_proof=needs_proof)


def wire(
    conf: cfg.ConfigOpts,
    driver: Driver,
    memory: Mapping[str, Mapping[str, JSON]],
    clock: Clock,
    api: MasakariReader,
) -> Monitor[State, Observation]:
    """The core around one of our own drivers."""
    policy = policy_of(conf, driver)
    path, leading, finder = OwnPath(api, clock, driver.on_path), Leading(), ReportFinder(api)
    hearers: list[Callable[[Any], None]] = [leading.hear]
    beside_driver: list[Source[Observation]] = []
    inherited = Inherited(finder, clock)
    if policy.elected:
        hearers += [path.hear, inherited.hear]
        beside_driver += [path, inherited]
    desk = _silences(policy, driver, memory, clock, leading)
    hearers.append(desk.hear)
    beside_driver.append(desk)
    if policy.lookup:
        interval, told_by = float(conf.host.monitoring_interval), leading if policy.elected else None
        beside_driver.append(Segments(api, clock, interval, leading=told_by, learn=finder.learn))

    async def close() -> None:
        for closer in driver.closers:
            await closer()

    def own() -> str:
        return driver.known_as() or policy.own

    store = driver.peers if conf.host.fleet_view else None
    peers = None if store is None else Peers(driver.name, policy, store, clock, own=own)
    if peers is not None:
        beside_driver.append(peers)
    shown = as_of_state(lambda state, troubles: describe(state, policy.under(state), troubles))
    rules = ChangedRules(policy.matrix, elected=policy.elected)
    wrong_bmcs = remembered(memory)
    driver.recall_power(wrong_bmcs)
    decide: Callable[[State, Any, Instant], tuple[State, Decision]] = Decider(policy)
    interval = float(conf.host.power_check_interval)
    bmcs = None
    # Another monitor may tell of a wrong one at any time.
    if driver.look_at_power is not None and (interval or wrong_bmcs or policy.elected):
        heard = Overheard(policy.own, elected=policy.elected)
        rounds = BmcRounds(
            driver.look_at_power,
            # Turned off: what is known to be wrong would stay it for ever if nobody looked.
            heard.looked_after if interval else partial(_those_of, driver.wrong_power, heard.looked_after),
            clock,
            interval or math.inf,
            note=driver.note_power,
            places=driver.power_places,
            bad=wrong_bmcs,
        )
        bmcs = BmcLedger(driver.wrong_power, driver.hear_power, rounds.suspect)
        hearers += [heard.hear, bmcs.hear]
        beside_driver.append(rounds)
        decide = beside(decide, _ledger_of)
    return Monitor[State, Observation](
        name="hostmonitor",
        state=restore(policy, memory, boot=boot_id("")),
        rules=policy,
        kinds=kinds,
        decide=decide,
        sources=[*(Tapped(source, hearers) for source in driver.sources), *beside_driver, rules],
        effects=Routed(
            driver.effects,
            SignsOfLife(driver.endpoints, clock),
            ReportLookups(finder, clock),
            bmcs,
            own=own,
        ),
        describe=lambda state: [
            *shown(state, tuple(driver.troubles())),
            *(() if peers is None else peers.alarms()),
            *inherited.alarms(),
        ],
        watch_standing=(lambda ask: None) if peers is None else peers.watch_standing,
        fleet=lambda state: None if peers is None else peers.shown(state),
        grid=lambda state: grid(state, policy.under(state)),
        views=lambda state, now: views(state, policy.under(state), now),
        explain=lambda state, subject, now: explain(state, policy, subject, now),
        count=lambda state, now: count(state, policy, now),
        holds=[reason.value for reason in TO_DO],
        reports=lambda state, now: reports(state, now) if policy.elected else None,
        silences=lambda state: state.cluster.silences,
        silence=desk.ask,
        is_well=well,
        judge_unconfirmed=lambda state, report, now: judge_unconfirmed(
            policy.under(state), state, report, now
        ),
        may_offer=lambda state, told, now: may_offer(policy.under(state), state, told, now),
        settled=settled,
        watch_delivery=path.watch_delivery,
        watch_following=inherited.watch_following,
        left_to=inherited.left_to,
        files=[*(_live(file, rules) for file in driver.files), *_domains_file(conf, policy.domains, rules)],
        take_options=_Options(conf, rules).take,
        close=close,
        watching=_watching(driver, policy),
        in_vain=_IN_VAIN if driver.matrix.never_recovers else "",
    )


def reports(state: State, now: Instant) -> bool:
    """Whether this monitor reports at this moment, also where its lease has ended and nothing was decided since."""
    reporter = state.cluster.after_standstill(state.decided, now).reporter
    return reporter.reports and reporter.due(now.monotonic) is not Word.LAPSED


def _silences(
    policy: Policy, driver: Driver, memory: Mapping[str, Mapping[str, JSON]], clock: Clock, leading: Leading
) -> SilenceDesk:
    """Shared where one monitor is elected to report; where all do, each has its own."""
    kept = book.restore(memory, policy.longest_silence).kept.values()
    return SilenceDesk(
        clock,
        kinds=(ALL, HOST, DOMAIN),
        known=[one.silence for one in kept],
        longest=policy.longest_silence,
        share=driver.share_silences if policy.elected else None,
        leads=leading,
        alone="" if policy.elected else _EACH_ITS_OWN,
        objection=lambda target: _no_domain(policy, target),
    )


_EACH_ITS_OWN = (
    "It is of this monitor alone, and every host's monitor reports here ([host] reporter): ask on each, too."
)


def _no_domain(policy: Policy, target: str) -> str:
    name = target.removeprefix(DOMAIN)
    if not target.startswith(DOMAIN) or name in policy.domains.values():
        return ""
    known = "[host] failure_domains_file, as it was at the start"
    return f"no host stands in a failure domain {printable(name, 60)} by {known}"


def _those_of(
    wrong: Callable[[], WrongBmcs], hosts: Callable[[Instant], Sequence[str]], now: Instant
) -> Sequence[str]:
    known = wrong()
    return [host for host in hosts(now) if host.lower() in known]


def _ledger_of(state: State) -> Mapping[str, LedgerEntry] | None:
    """The open outages as this monitor has written them down, if it leads."""
    cluster = state.cluster
    return cluster.ledger if cluster.reporter.standing is Standing.LEADER else None


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why this monitor cannot work on this host, or nothing: the driver knows; raises ConfigFault without a driver."""
    look = getattr(_driver_module(conf), "cannot_work", None)
    return str(look(conf)) if look is not None else ""


def _driver_module(conf: cfg.ConfigOpts) -> Any:
    """The module of the driver's `build` function; raises ConfigFault."""
    thirdparty.offer_options(conf)
    return sys.modules.get(getattr(base.load(conf.host.monitoring_driver), "__module__", ""))


async def check_engine(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    """For `masakari-monitors check`: what the driver finds out when it asks its cluster engine; raises ConfigFault."""
    if cannot_work(conf):
        return ()
    look = getattr(_driver_module(conf), "check_engine", None)
    if look is None or base.is_foreign(base.load(conf.host.monitoring_driver)):
        return ()
    found: Sequence[Finding] = await look(conf, conf.hostname)
    return found


def check_rules(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    """For `masakari-monitors check`: options that hardly mean what they bring about together; nobody is asked."""
    host, found = conf.host, []
    if host.power_config_file and host.disable_ipmi_check:
        found.append(
            warning(
                "[host] power_config_file is set and so is disable_ipmi_check: no BMC is asked, whatever the file "
                "says. Set disable_ipmi_check = false to have a lost host proven off"
            )
        )
    if host.power_unreachable_means_off and not host.disable_ipmi_check:
        found.append(
            warning(
                "[host] power_unreachable_means_off is set: a host whose BMC does not answer is taken as off. Where "
                "one network carries both, a cut of it makes a running host look dead, and masakari starts its "
                "instances a second time"
            )
        )
    return found


async def check_power(conf: cfg.ConfigOpts) -> Sequence[Finding]:
    """For `masakari-monitors check`: every BMC that would be asked for proof; raises ConfigFault.

    Each is asked once, a few at a time; none by a shadow.
    """
    make = base.load(conf.host.monitoring_driver)
    if conf.shadow or cannot_work(conf) or base.is_foreign(make):
        return ()
    driver: Driver = make(conf, conf.hostname, SystemClock())
    try:
        return await examine(driver.look_at_power, driver.power_hosts, conf.hostname)
    finally:
        for closer in driver.closers:
            await closer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of a configuration, and what of a host's death could be proven by them.

    `unchecked`: nobody looks, and a lost host counts as off. `bmcs`: the hosts of which a BMC is known. `trouble`: why
    these could not be found out.
    """

    driver: str
    policy: Policy
    unchecked: bool = False
    bmcs: frozenset[str] = frozenset()
    trouble: str = ""


_BMCS_WITHIN = 15.0
"""Seconds in which it must be found out of which hosts a BMC is known."""


async def rules_of(conf: cfg.ConfigOpts) -> Rules:
    """For whoever plays what would be reported; nobody is asked but, by Pacemaker's driver, Pacemaker for its devices.

    Raises ConfigFault, also for a driver of others', which has no rules that could be played.
    """
    thirdparty.offer_options(conf)
    name = conf.host.monitoring_driver
    make = base.load(name)
    if base.is_foreign(make):
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: a driver of others' judges by itself, so nothing can be played with "
            "it."
        )
    driver: Driver = make(conf, conf.hostname, SystemClock())
    bmcs, trouble = frozenset[str](), ""
    try:
        if driver.power_hosts is not None:
            async with asyncio.timeout(_BMCS_WITHIN):
                bmcs = frozenset(host.casefold() for host in await driver.power_hosts())
    except Exception as error:  # noqa: BLE001 - each cluster engine has a fault of its own, written for an operator
        trouble = str(error) or f"no answer within {_BMCS_WITHIN:g} s"
    finally:
        for closer in driver.closers:
            await closer()
    return Rules(
        driver=driver.name,
        policy=policy_of(conf, driver),
        unchecked=driver.needs_proof and driver.power_hosts is None,
        bmcs=bmcs,
        trouble=trouble,
    )


def policy_of(conf: cfg.ConfigOpts, driver: Driver) -> Policy:
    """The rules that the options and the driver ask for."""
    options = conf.host
    proof = ProofPolicy(retries=options.ipmi_retry_max, interval=float(options.ipmi_retry_interval))
    return Policy(
        own=conf.hostname,
        own_names=driver.own_names,
        matrix=driver.matrix,
        samples=options.monitoring_samples,
        sample_interval=options.sample_interval,
        settle=options.settle_time,
        unproven_settle=options.unproven_settle_time,
        left_warning=options.left_warning_after,
        maintenance_warning=options.maintenance_warning_after,
        proof=proof if driver.needs_proof else None,
        elected=driver.elected and options.reporter == "elected",
        lookup=options.segment_lookup,
        guard=_guard(conf),
        domains=_domains(conf),
        longest_silence=float(conf.longest_silence),
        tells=not conf.shadow,
    )


_GUARD = tuple(f"storm_{name}" for name in ("threshold", "domain_threshold", "window", "hold"))


def _guard(conf: cfg.ConfigOpts) -> GuardPolicy:
    threshold, domain_threshold, window, hold = (conf.host[name] for name in _GUARD)
    return GuardPolicy(threshold=threshold, domain_threshold=domain_threshold, window=window, hold=hold)


class _Options:
    """The options that are put in force while this monitor runs."""

    def __init__(self, conf: cfg.ConfigOpts, rules: ChangedRules) -> None:
        self._guard, self._rules = _guard(conf), rules

    def take(self, fresh: cfg.ConfigOpts) -> Collection[str]:
        """Put the limits of storms in force, but for those of domains that nobody has named."""
        guard, names = _guard(fresh), [f"[host] {name}" for name in _GUARD]
        if guard.domain_threshold and not fresh.host.failure_domains_file:
            return ()
        if guard != self._guard:
            self._guard = guard
            self._rules.take_guard(guard, ", ".join(names))
        return names


def _live(file: InputFile, rules: ChangedRules) -> InputFile:
    """A matrix is put in force while this monitor runs."""
    if not isinstance(file.in_force, Matrix):
        return file
    return replace(file, apply=partial(rules.take, file.path))


def _domains(conf: cfg.ConfigOpts) -> Mapping[str, str]:
    path = conf.host.failure_domains_file
    if not path:
        if conf.host.storm_domain_threshold:
            raise ConfigFault(
                "[host] storm_domain_threshold is set, but it is not known which host stands in which "
                "domain. Name the file that says so with [host] failure_domains_file."
            )
        return {}
    try:
        return in_time(path, lambda: parse_domains(read_text(path)))
    except (Unreadable, YamlFileFault) as fault:
        raise ConfigFault(
            f"The failure domains of {path} cannot be used: {fault}. Mend the file, or name another one: "
            f"{where(conf, 'host', 'failure_domains_file')}."
        ) from fault


def _domains_file(
    conf: cfg.ConfigOpts, domains: Mapping[str, str], rules: ChangedRules
) -> Sequence[InputFile]:
    path = conf.host.failure_domains_file
    apply = partial(rules.take_domains, path)
    taken = "comes into force now, or when no storm holds a report any more"
    file = InputFile(path=path, read=lambda: _domains(conf), in_force=domains, apply=apply, taken=taken)
    return (file,) if path else ()


_OUTCOMES: Mapping[ReportStatus, Outcome] = {
    ReportStatus.DELIVERED: Outcome.ACCEPTED,
    ReportStatus.REFUSED: Outcome.REFUSED,
    ReportStatus.EXPIRED: Outcome.EXPIRED,
}


def settled(report: Settled, now: Instant) -> Answered | None:
    """A failure's report that has ended, as the core wants to know it; None for what it took back itself."""
    told, outcome = report.notification, _OUTCOMES.get(report.status)
    if not isinstance(told, HostNotification) or told.event is not HostEvent.STOPPED or outcome is None:
        return None
    return Answered(
        host=told.hostname,
        made_at=report.made_at or told.generated_time,
        host_status=told.host_status,
        outcome=outcome,
        why=report.answer,
        at=now,
        doubted=report.doubted,
    )


def _watching(driver: Driver, policy: Policy) -> Sequence[str]:
    links = ", ".join(driver.matrix.sequence)
    lines = [f"hosts, by {driver.name} (links: {links}); {policy.own} itself is never judged"]
    if driver.matrix.never_recovers:
        lines.append(f"WARNING: {_IN_VAIN}")
    return lines


_IN_VAIN = (
    "no combination of these links means recovery, so no failed host will ever be reported; write a matrix ([consul] "
    "matrix_config_file)"
)
