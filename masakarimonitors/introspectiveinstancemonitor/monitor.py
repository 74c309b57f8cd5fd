"""The introspective monitor, wired: options to policy, discovery, heartbeat and checks to the decision.

The only file of this room that reads the configuration.
"""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.core.decision import JSON, Instant, Notify, Withdraw, Woken
from masakarimonitors.core.notification import ReportStatus, Settled, VmNotification
from masakarimonitors.core.offers.again import HostSeen
from masakarimonitors.core.rehearsal.written import Kinds, Words
from masakarimonitors.core.storm import GuardPolicy, leading
from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, questions
from masakarimonitors.introspectiveinstancemonitor.core.decision import Decider
from masakarimonitors.introspectiveinstancemonitor.core.explained import count, explain
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.memory import restore
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Availability,
    GuestRules,
    NeverSent,
    Observation,
    ReportSettled,
)
from masakarimonitors.introspectiveinstancemonitor.core.offers.leaving import may_offer
from masakarimonitors.introspectiveinstancemonitor.core.report import unheard_of
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.state import (
    Guest,
    Hold,
    Policy,
    Probe,
    State,
    misses_for,
)
from masakarimonitors.introspectiveinstancemonitor.core.unconfirmed import judge, well
from masakarimonitors.introspectiveinstancemonitor.effects import CounterReader
from masakarimonitors.introspectiveinstancemonitor.sources.changed_checks import ChangedChecks, expressions
from masakarimonitors.introspectiveinstancemonitor.sources.checks import Checks
from masakarimonitors.introspectiveinstancemonitor.sources.heartbeat import Heartbeat
from masakarimonitors.introspectiveinstancemonitor.sources.inventory import Inventory
from masakarimonitors.introspectiveinstancemonitor.sources.output import BadExpression, Expression
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Targets
from masakarimonitors.libvirt import binding, trial
from masakarimonitors.libvirt.changed_options import ChangedOptions
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.uri import BadUri, absent, is_of_this_qemu, own_names, parse_uris
from masakarimonitors.monitor import InputFile, MasakariReader, Monitor, Source
from masakarimonitors.status.health import Kind, Sight, View
from masakarimonitors.status.model import SubjectRow, as_of_state
from masakarimonitors.system.clock import Clock

_TRIED = 5.0
"""Seconds that libvirt has for letting in whoever tries."""


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock, api: MasakariReader
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life. `api` is read while
    masakari has not taken a report.

    Raises ConfigFault for what can never work: no libvirt binding, a URI that is none, a pattern that
    does not compile, a file of checks with faults.
    """
    options = conf.introspectiveinstancemonitor
    uris = _uris(conf)
    pattern = _pattern(conf)
    checks = _checks(conf)
    policy = policy_of(conf, checks)
    sources: list[Source[Observation]] = []
    listing: list[Inventory] = []
    asking: list[Checks] = []
    names, folder = own_names(conf.hostname), Path(conf.libvirt.qemu_pid_directory)
    for uri in uris:
        targets = Targets()
        pids = folder if is_of_this_qemu(uri, names) else None
        listing.append(Inventory(uri, pattern, targets, clock, checks=checks, pids=pids))
        sources.append(
            Heartbeat(
                uri,
                targets,
                clock,
                interval=float(options.guest_monitoring_interval),
                timeout=float(options.guest_monitoring_timeout),
                threshold=policy.threshold,
            )
        )
        if options.checks_file:
            asking.append(Checks(uri, targets, clock, checks, expressions(checks)))
    changed = ChangedChecks(options.checks_file, checks, asking, listing)
    changed_options = ChangedOptions(conf, "introspectiveinstancemonitor", RENEWED, rules_of)
    sources = [*listing, *sources, *asking, *([changed] if asking else []), changed_options]

    async def ask_masakari(since: datetime.datetime) -> HostSeen:
        from masakarimonitors.masakari_lists import see_host  # only needed where masakari took no report

        return await see_host(api, conf.hostname, clock, since)

    counters = CounterReader(uris, clock, ask_masakari)
    return Monitor(
        name="introspectiveinstancemonitor",
        state=restore(memory, uris, questions(checks)),
        rules=policy,
        kinds=kinds,
        decide=Decider(policy),
        sources=tuple(sources),
        effects=counters,
        describe=as_of_state(describe),
        views=lambda state, now: views(uris, state),
        explain=lambda state, subject, now: explain(state, policy, subject, now),
        count=count,
        holds=[hold.value for hold in Hold if hold is not Hold.STORM],
        judge_unconfirmed=lambda state, report, now: judge(policy.under(state), uris, state, report, now),
        is_well=well,
        may_offer=may_offer,
        settled=settled,
        unsent=unsent,
        awaits_ends=unheard_of,
        close=counters.close,
        files=_files(conf, checks, changed),
        take_options=changed_options.take,
        watching=(
            *(f"guests of {uri} whose agent's socket matches {pattern.pattern}" for uri in uris),
            *(f"check {check.name}" for check in checks),
        ),
    )


def policy_of(conf: cfg.ConfigOpts, checks: Sequence[Check]) -> Policy:
    """The rules that the options ask for."""
    options, rules = conf.introspectiveinstancemonitor, rules_of(conf)
    return Policy(
        hostname=conf.hostname,
        threshold=misses_for(options.guest_monitoring_failure_threshold),
        failures=MappingProxyType({check.name: check.failures for check in checks}),
        io_check=options.io_check,
        reports_per_hour=rules.reports_per_hour,
        guard=rules.guard,
    )


def todays_policy(conf: cfg.ConfigOpts) -> Policy:
    """The rules that the options ask for, with the file of checks as it is now; raises ConfigFault."""
    return policy_of(conf, _checks(conf))


RENEWED = ("storm_threshold", "storm_hold", "max_reports_per_hour")
"""The options that `rules_of` looks at."""


def rules_of(conf: cfg.ConfigOpts) -> GuestRules:
    """What of the options counts as soon as it is read again."""
    options = conf.introspectiveinstancemonitor
    return GuestRules(
        guard=GuardPolicy(domain_threshold=options.storm_threshold, hold=options.storm_hold),
        reports_per_hour=options.max_reports_per_hour,
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
    """The end of a report as the core wants to know it: from then on it cannot be taken back."""
    told = report.notification
    if not isinstance(told, VmNotification):
        return None
    delivered, withdrawn = (
        report.status is status for status in (ReportStatus.DELIVERED, ReportStatus.WITHDRAWN)
    )
    return ReportSettled(told.instance_uuid, report.made_at or told.generated_time, delivered, withdrawn)


def unsent(report: Settled, now: Instant) -> NeverSent | None:
    """One that masakari has certainly not got, as the core wants to know it: it does not count towards the limit."""
    told = report.notification
    if not isinstance(told, VmNotification):
        return None
    return NeverSent(told.instance_uuid, report.made_at or told.generated_time)


def lacks() -> str:
    """What this installation lacks, so that no guests can be watched whatever comes; or nothing."""
    try:
        binding.load()
    except binding.BindingMissing as fault:
        return str(fault)
    return ""


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why guests cannot be asked on this computer, or nothing; raises ConfigFault for a bad URI."""
    _named_uris(conf)
    try:
        binding.load()
    except binding.BindingMissing as fault:
        return str(fault)
    return absent(_uris(conf))


def try_agents(conf: cfg.ConfigOpts) -> Mapping[str, Unavailable | None]:
    """For `masakari-monitors check`: each libvirt, and why guest agents cannot be asked there now, or None.

    That is another right than to list guests, and another socket. Blocks for a few seconds at most; nothing where
    this monitor cannot work. Raises ConfigFault for a bad URI.
    """
    if cannot_work(conf):
        return {}
    return trial.try_all(_uris(conf), readonly=False, timeout=_TRIED)


def _uris(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """The URIs of the options, each tried; raises ConfigFault for one that can never work, and without the binding."""
    found = _named_uris(conf)
    try:
        trial.check(found)
    except BadUri as fault:
        raise _bad_uri(conf, fault) from None
    except binding.BindingMissing as fault:
        raise ConfigFault(str(fault)) from None
    return found


def _named_uris(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """The URIs of the options, with nothing asked of libvirt; raises ConfigFault for one that is none."""
    try:
        return parse_uris(conf.libvirt.connection_uri)
    except BadUri as fault:
        raise _bad_uri(conf, fault) from None


def _bad_uri(conf: cfg.ConfigOpts, fault: BadUri) -> ConfigFault:
    return ConfigFault(f"{fault} ({where(conf, 'libvirt', 'connection_uri')})")


def _pattern(conf: cfg.ConfigOpts) -> re.Pattern[str] | Expression:
    """The default takes no time worth bounding; whoever writes another one may write one that takes for ever."""
    text = conf.introspectiveinstancemonitor.qemu_guest_agent_sock_path
    place = conf.get_location("qemu_guest_agent_sock_path", "introspectiveinstancemonitor")
    if place is not None and place.location is cfg.Locations.opt_default:
        return re.compile(text)
    try:
        return Expression(text, lines=False)
    except BadExpression as error:
        raise ConfigFault(
            f"{where(conf, 'introspectiveinstancemonitor', 'qemu_guest_agent_sock_path')} is no regular "
            f"expression ({error}), so no guest agent can be found. Correct it; the default fits nova's instances."
        ) from None


def _files(conf: cfg.ConfigOpts, checks: Sequence[Check], changed: ChangedChecks) -> Sequence[InputFile]:
    path = conf.introspectiveinstancemonitor.checks_file
    file = InputFile(path=path, read=lambda: _checks(conf), in_force=checks, apply=changed.take)
    return (file,) if path else ()


def _checks(conf: cfg.ConfigOpts) -> tuple[Check, ...]:
    path = conf.introspectiveinstancemonitor.checks_file
    if not path:
        return ()
    # Only here: without such a file nothing of YAML is needed.
    from masakarimonitors.introspectiveinstancemonitor.sources.check_file import read
    from masakarimonitors.system.files.yaml_file import YamlFileFault

    try:
        return read(path)
    except YamlFileFault as fault:
        raise ConfigFault(
            f"The file of guest checks cannot be used, so it is not known what to check:\n{fault}\nMend the file,"
            f" or name another one: {where(conf, 'introspectiveinstancemonitor', 'checks_file')}."
        ) from None


def describe(state: State) -> Sequence[SubjectRow]:
    """What the status shows: each libvirt that is away or whose agents cannot be asked, each storm, each guest, and
    each that cannot be watched or read."""
    rows = [SubjectRow(uri, "away", why, alarm=True) for uri, why in state.away.items()]
    rows += [
        SubjectRow(uri or "agents", "agents out of reach", why, alarm=True)
        for uri, why in state.unaskable.items()
        if uri not in state.away
    ]
    for storm in leading(state.storms):
        detail = f"{len(storm.failed)} guests fell silent together; their reports are held"
        rows.append(SubjectRow(f"storm:{storm.scope}", "storm", detail, alarm=True, harms=Kind.HELD))
    rows += _none_watched(state)
    unread = {uuid for uuids in state.unread.values() for uuid in uuids}
    rows += [
        _row(guest, unseen=state.unseen(guest.where), unread=guest.uuid in unread)
        for guest in state.guests.values()
    ]
    rows += [
        SubjectRow(f"vm:{uuid}", "unknown", _UNTOLD, alarm=True, harms=Kind.UNWATCHED)
        for uuid in sorted(unread - state.guests.keys())
    ]
    rows += [
        SubjectRow(f"vm:{guest.uuid}", "not watched", f"{guest.name}: {guest.why}")
        for guests in state.unwatched.values()
        for guest in guests
    ]
    return rows


def _none_watched(state: State) -> Iterator[SubjectRow]:
    """Each libvirt whose guests all have their channel where nobody looks: seen so, and watched by nobody."""
    watched = {guest.where for guest in state.guests.values()}
    for uri, guests in state.unwatched.items():
        elsewhere = [guest for guest in guests if guest.elsewhere]
        if elsewhere and uri not in watched:
            detail = (
                f"nova has made {len(elsewhere)} that have a guest-agent channel, and none is watched; "
                f"{elsewhere[0].name}: {elsewhere[0].why}"
            )
            yield SubjectRow(f"guests of {uri}", "none watched", detail, alarm=True, harms=Kind.UNWATCHED)


def views(uris: Sequence[str], state: State) -> Sequence[View]:
    """What is seen of the guests of each libvirt: they are listed, and their agents can be asked."""
    return [_view(uri, state) for uri in uris]


def _view(uri: str, state: State) -> View:
    why = state.away.get(uri, state.unaskable.get(uri, state.unaskable.get("")))
    if why is not None:
        return View(f"libvirt:{uri}", Sight.BLIND, why)
    # What a list has left out stands here since the first one.
    if uri in state.unwatched:
        return View(f"libvirt:{uri}", Sight.PROVEN, "its guests are listed, and their agents can be asked")
    return View(f"libvirt:{uri}", Sight.UNKNOWN, "its guests have not been listed yet")


_UNTOLD = "libvirt lists it, but does not tell how it stands"


def _row(guest: Guest, *, unseen: bool, unread: bool) -> SubjectRow:
    # While its whole libvirt is out of sight, that is the alarm.
    unread = unread and not unseen
    name, probe = _worst(guest)
    detail = [guest.name]
    if unread:
        detail.append(_UNTOLD)
    if guest.availability is not Availability.RUNNING:
        detail.append(f"not judged: {guest.availability.value}")
    if name != HEARTBEAT:
        detail.append(f"check {name}")
    if probe.misses:
        detail.append(f"missed {probe.misses} in a row")
    if probe.delivery is Delivery.NOT_TAKEN:
        detail.append("masakari has not taken its report, which is offered again when it may")
    if probe.hold is not None:
        detail.append(f"not reported: {probe.hold.value}")
    if probe.phase is not Phase.HEALTHY and probe.evidence:
        detail.append(probe.evidence)
    detail += [
        f"check {check} has not passed yet: {other.evidence}"
        for check, other in guest.probes.items()
        if check not in (HEARTBEAT, name) and other.phase is Phase.DISCOVERY and other.evidence
    ]
    # A storm is one alarm, not one for each guest that it holds.
    held = probe.hold is not None and probe.hold is not Hold.STORM
    unjudged = unread or (guest.heartbeat.phase in _UNWATCHED and not unseen)
    return SubjectRow(
        f"vm:{guest.uuid}",
        "unknown" if unseen or unread else probe.phase.value,
        "; ".join(detail),
        alarm=held or unread or any(p.phase in _ALARMS for p in guest.probes.values()),
        held=probe.hold.value if probe.hold is not None and held else "",
        harms=Kind.UNWATCHED if unjudged and not held else None,
    )


_UNWATCHED = (Phase.UNKNOWN, Phase.UNUSABLE)
"""No answer of its agent says anything."""
_ALARMS = (Phase.REPORTED, *_UNWATCHED)
_WORST_FIRST = (
    Phase.REPORTED,
    Phase.ACCUSED,
    Phase.ERROR,
    Phase.UNKNOWN,
    Phase.UNUSABLE,
    Phase.AWAITED,
)


def _worst(guest: Guest) -> tuple[str, Probe]:
    """The heartbeat, unless a check is worse off: one that never passed says nothing about the guest."""

    def rank(item: tuple[str, Probe]) -> tuple[int, bool]:
        phase = item[1].phase
        return (
            -_WORST_FIRST.index(phase) if phase in _WORST_FIRST else -len(_WORST_FIRST),
            item[0] == HEARTBEAT,
        )

    return max(guest.probes.items(), key=rank)
