"""The host monitor, wired: options to policy, a driver and masakari's segments to the core.

Reads the configuration; only the drivers' own `build` functions do so beside it.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

import masakarimonitors.conf as house
from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.daemon import Monitor, Source
from masakarimonitors.decisions import JSON, Instant, Withdraw
from masakarimonitors.decisions.guard import GuardPolicy
from masakarimonitors.hostmonitor import loading, thirdparty, words
from masakarimonitors.hostmonitor.decision import Decider
from masakarimonitors.hostmonitor.describe import describe
from masakarimonitors.hostmonitor.domains_file import DomainsFault, parse
from masakarimonitors.hostmonitor.driver import Driver
from masakarimonitors.hostmonitor.observation import Delivered, Expired, Observation
from masakarimonitors.hostmonitor.outage import ProofPolicy
from masakarimonitors.hostmonitor.segments import Segments
from masakarimonitors.hostmonitor.state import Policy, State, begin, undelivered
from masakarimonitors.notifications import HostStatus
from masakarimonitors.outbox.rows import Row, Status
from masakarimonitors.system.clock import Clock


def build(conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock) -> Monitor[Any, Any]:
    """The monitor, not running yet; `memory` is what it remembered in its last life.

    Raises ConfigFault for what an operator must mend.
    """
    name = conf.host.monitoring_driver
    # Third-party drivers read the options from here, at import.
    vars(house)["CONF"] = conf
    make = loading.load(name)
    if loading.is_foreign(make):
        return thirdparty.monitor(name, make, clock)
    return wire(conf, make(conf, conf.hostname, clock), memory, clock)


def wire(
    conf: cfg.ConfigOpts, driver: Driver, memory: Mapping[str, Mapping[str, JSON]], clock: Clock
) -> Monitor[State, Observation]:
    """The core around one of our own drivers."""
    policy = policy_of(conf, driver)
    sources: list[Source[Observation]] = list(driver.sources)
    segments = Segments(clock, float(conf.host.monitoring_interval)) if policy.lookup else None
    if segments is not None:
        sources.append(segments)

    async def close() -> None:
        for closer in driver.closers:
            await closer()

    state = begin(policy, memory)
    return Monitor[State, Observation](
        name="hostmonitor",
        state=state,
        first=[Withdraw(f"host:{host}", words.STALE) for host in sorted(undelivered(state))],
        decide=Decider(policy),
        sources=sources,
        effects=driver.effects,
        describe=lambda state: describe(state, policy),
        settled=settled,
        close=close,
        use_api=segments.use if segments is not None else lambda api: None,
        watching=_watching(driver, policy),
    )


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why this monitor cannot work on this machine, or nothing: the driver knows."""
    try:
        make = loading.load(conf.host.monitoring_driver)
    except ConfigFault as fault:
        return str(fault)
    look = getattr(sys.modules.get(getattr(make, "__module__", "")), "cannot_work", None)
    return str(look(conf)) if look is not None else ""


def policy_of(conf: cfg.ConfigOpts, driver: Driver) -> Policy:
    """The rules that the options and the driver ask for."""
    options = conf.host
    proof = ProofPolicy(retries=options.ipmi_retry_max, interval=float(options.ipmi_retry_interval))
    return Policy(
        own=conf.hostname,
        matrix=driver.matrix,
        samples=options.monitoring_samples,
        sample_interval=options.sample_interval,
        settle=options.settle_time,
        left_warning=options.left_warning_after,
        maintenance_warning=options.maintenance_warning_after,
        proof=proof if driver.needs_proof else None,
        elected=driver.elected and options.reporter == "elected",
        lookup=options.segment_lookup,
        guard=GuardPolicy(
            threshold=options.storm_threshold,
            domain_threshold=options.storm_domain_threshold,
            window=options.storm_window,
            hold=options.storm_hold,
        ),
        domains=_domains(conf),
    )


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
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, DomainsFault) as fault:
        raise ConfigFault(
            f"The failure domains of {path} cannot be used: {fault}. Mend the file, or name another one: "
            f"{where(conf, 'host', 'failure_domains_file')}."
        ) from fault


def settled(row: Row, now: Instant) -> Delivered | None:
    """A report that masakari-api has answered for good, as the core wants to know it."""
    if '"STOPPED"' not in row.body:
        return None
    host = row.subject.removeprefix("host:")
    said = HostStatus.NORMAL if f'"{HostStatus.NORMAL.value}"' in row.body else HostStatus.UNKNOWN
    if row.status in (Status.DELIVERED, Status.REFUSED):
        return Delivered(host, now, said)
    return Expired(host, now, said) if row.status is Status.EXPIRED else None


def _watching(driver: Driver, policy: Policy) -> Sequence[str]:
    links = ", ".join(driver.matrix.sequence)
    lines = [f"hosts, by {driver.name} (links: {links}); {policy.own} itself is never judged"]
    if driver.matrix.never_recovers:
        lines.append(
            "WARNING: no combination of these links means recovery, so no failed host will ever be reported; "
            "write a matrix ([consul] matrix_config_file)"
        )
    return lines
