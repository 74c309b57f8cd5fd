"""The instance monitor, wired: options to policy, libvirt's events and QEMU's processes to the decision.

The only file of this room that reads the configuration.
"""

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.core.decision import JSON, Instant, Notify, Withdraw, Woken
from masakarimonitors.core.notification import Settled, VmNotification
from masakarimonitors.core.offers.again import HostSeen
from masakarimonitors.core.rehearsal.written import Kinds, Words
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.instancemonitor.core.decision import Decider
from masakarimonitors.instancemonitor.core.explained import count, explain
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.memory import restore
from masakarimonitors.instancemonitor.core.observation import InstanceRules, Observation, ReportSettled
from masakarimonitors.instancemonitor.core.reports.again import unheard_of
from masakarimonitors.instancemonitor.core.reports.offer import HELD_PATIENCE, may_offer
from masakarimonitors.instancemonitor.core.shown import STORM, UNKNOWN, describe
from masakarimonitors.instancemonitor.core.state import Policy, State
from masakarimonitors.instancemonitor.core.unconfirmed import judge, well
from masakarimonitors.instancemonitor.domains import EventNumbers, files_of
from masakarimonitors.instancemonitor.effects import Effects
from masakarimonitors.instancemonitor.qemu_files import QemuFiles
from masakarimonitors.instancemonitor.sources.libvirt import Libvirt
from masakarimonitors.instancemonitor.sources.qemu_process import QemuProcesses
from masakarimonitors.libvirt import binding, trial
from masakarimonitors.libvirt.changed_options import ChangedOptions
from masakarimonitors.libvirt.event_line import EventLine
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.uri import BadUri, absent, own_names, parse_uris
from masakarimonitors.monitor import MasakariReader, Monitor, Source
from masakarimonitors.status.health import Kind, Sight, View
from masakarimonitors.status.model import SubjectRow, as_of_state
from masakarimonitors.system.clock import Clock, boot_id

_TRIED = 5.0
"""Seconds that libvirt has for letting in whoever tries."""


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock, api: MasakariReader
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life. `api` is read while
    masakari has not taken the report of a death.

    Raises ConfigFault for what can never work: no binding, a URI that libvirt cannot make anything of.
    A libvirtd that is away is not among them.
    """
    uris = _uris(conf)
    options = conf.libvirt
    files = QemuFiles(
        Path(options.qemu_pid_directory), Path(options.qemu_log_directory), own_names(conf.hostname)
    )
    numbers = EventNumbers()
    lines = {uri: EventLine(uri) for uri in uris}
    policy = policy_of(conf)
    sources: list[Source[Observation]] = [
        Libvirt(
            uri,
            clock,
            numbers,
            files,
            line=lines[uri],
            resync=float(options.resync_interval),
            several=len(uris) > 1,
        )
        for uri in uris
    ]
    on_this_host = [uri for uri in uris if files_of(uri, files)]
    if options.watch_processes and on_this_host:
        sources.append(QemuProcesses(files.pids, on_this_host[0], clock))
    changed = ChangedOptions(conf, "libvirt", RENEWED, rules_of)
    sources.append(changed)

    async def ask_masakari(since: datetime.datetime) -> HostSeen:
        from masakarimonitors.masakari_lists import see_host  # only needed where masakari took no report

        return await see_host(api, conf.hostname, clock, since)

    effects = Effects(clock, numbers, files, lines, ask_masakari=ask_masakari)
    return Monitor(
        name="instancemonitor",
        state=restore(memory, policy.boot_id, uris),
        rules=policy,
        kinds=kinds,
        decide=Decider(policy),
        sources=sources,
        effects=effects,
        describe=as_of_state(_describe),
        views=partial(views, uris),
        explain=explain,
        count=count,
        holds=[Phase.UNSURE.value],
        judge_unconfirmed=partial(judge, uris),
        is_well=well,
        may_offer=may_offer,
        held_patience=options.resync_interval + HELD_PATIENCE,
        settled=settled,
        awaits_ends=unheard_of,
        take_options=changed.take,
        close=effects.close,
        watching=[f"the instances of {uri}" for uri in uris],
    )


def kinds() -> Kinds:
    """In which words all that this monitor goes by is written down."""
    return Kinds(
        words=Words(Instant, Woken, Notify, Withdraw, Policy, State, Observation),
        observations=Observation | Woken,
        rules=Policy,
        state=State,
        decider=Decider,
    )


def settled(report: Settled, now: Instant) -> ReportSettled | None:
    """The end of a report on which masakari acts, as the core wants to know it."""
    told = report.notification
    if not isinstance(told, VmNotification) or not told.is_acted_on:
        return None
    return ReportSettled(
        told.instance_uuid,
        report.made_at or told.generated_time,
        report.status,
        report.answer,
        death=told.is_death,
    )


def lacks() -> str:
    """What this installation lacks, so that no instances can be watched whatever comes; or nothing."""
    try:
        binding.load()
    except binding.BindingMissing as fault:
        return str(fault)
    return ""


RENEWED = ("report", "settle_time", "storm_threshold", "storm_hold")
"""The options that `rules_of` looks at."""


def rules_of(conf: cfg.ConfigOpts) -> InstanceRules:
    """What of the options counts as soon as it is read again."""
    options = conf.libvirt
    return InstanceRules(
        guard=GuardPolicy(domain_threshold=options.storm_threshold, hold=options.storm_hold),
        settle_time=options.settle_time,
        actionable_only=options.report == "actionable",
    )


def policy_of(conf: cfg.ConfigOpts) -> Policy:
    """By which instances of this host are judged."""
    rules = rules_of(conf)
    return Policy(
        hostname=conf.hostname,
        settle_time=rules.settle_time,
        actionable_only=rules.actionable_only,
        boot_id=boot_id(otherwise=""),
        guard=rules.guard,
        expiry=float(conf.notification_expiry),
    )


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why instances cannot be watched on this host, or nothing; raises ConfigFault for a bad URI."""
    try:
        uris = parse_uris(conf.libvirt.connection_uri)
        binding.load()
    except BadUri as fault:
        raise ConfigFault(f"{where(conf, 'libvirt', 'connection_uri')}: {fault}") from None
    except binding.BindingMissing as fault:
        return str(fault)
    return absent(uris)


def try_libvirts(conf: cfg.ConfigOpts) -> Mapping[str, Unavailable | None]:
    """For `masakari-monitors check`: each libvirt, and why its instances cannot be seen now, or None.

    Blocks for a few seconds at most; nothing where this monitor cannot work. Raises ConfigFault for a bad URI.
    """
    return {} if cannot_work(conf) else trial.try_all(_uris(conf), readonly=True, timeout=_TRIED)


def _uris(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    try:
        uris = parse_uris(conf.libvirt.connection_uri)
        binding.load()
        trial.check(uris)
    except BadUri as fault:
        raise ConfigFault(f"{where(conf, 'libvirt', 'connection_uri')}: {fault}") from None
    except binding.BindingMissing as fault:
        raise ConfigFault(str(fault)) from None
    return uris


def _describe(state: State) -> Sequence[SubjectRow]:
    return [_row(*line) for line in describe(state)]


def _row(subject: str, state: str, detail: str, alarm: bool) -> SubjectRow:
    held = state if state == Phase.UNSURE.value else ""
    return SubjectRow(subject, state, detail, alarm, held=held, harms=_HARMS.get(state))


_HARMS: Mapping[str, Kind] = {STORM: Kind.HELD, UNKNOWN: Kind.UNWATCHED}
"""States that say something of the monitor, besides its views."""


def views(uris: Sequence[str], state: State, now: Instant) -> Sequence[View]:
    """What is seen of each libvirt."""
    return [_view(uri, state) for uri in uris]


def _view(uri: str, state: State) -> View:
    libvirt = state.libvirt(uri)
    if libvirt.sight.is_away:
        return View(f"libvirt:{uri}", Sight.BLIND, libvirt.reason)
    if libvirt.sight.is_read:
        return View(f"libvirt:{uri}", Sight.PROVEN, "its instances are listed, and its events are heard")
    return View(f"libvirt:{uri}", Sight.UNKNOWN, "its instances have not been listed yet")
