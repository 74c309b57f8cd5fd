"""The introspective monitor, wired: options to policy, discovery, heartbeat and checks to the decision.

The only file of this room that reads the configuration.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.daemon import Monitor, Source
from masakarimonitors.decisions import JSON, Command, Decision, Instant, Woken
from masakarimonitors.introspectiveinstancemonitor.checking import Check
from masakarimonitors.introspectiveinstancemonitor.commands import ReadCounters
from masakarimonitors.introspectiveinstancemonitor.decision import decide
from masakarimonitors.introspectiveinstancemonitor.effects import Look
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Counters,
    NotKnown,
    Observation,
    Standing,
)
from masakarimonitors.introspectiveinstancemonitor.sources.check_file import CheckFault, read
from masakarimonitors.introspectiveinstancemonitor.sources.checks import Checks
from masakarimonitors.introspectiveinstancemonitor.sources.guest_agent import Heartbeat
from masakarimonitors.introspectiveinstancemonitor.sources.machines import Machines
from masakarimonitors.introspectiveinstancemonitor.sources.roster import Roster
from masakarimonitors.introspectiveinstancemonitor.state import Guest, Policy, Probe, State, from_disk
from masakarimonitors.status.board import SubjectRow
from masakarimonitors.system import libvirt
from masakarimonitors.system.clock import Clock


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life.

    Raises ConfigFault for what can never work: no libvirt binding, a URI that is none, a pattern that
    does not compile, a file of checks with faults.
    """
    options = conf.introspectiveinstancemonitor
    uris = _uris(conf)
    pattern = _pattern(conf)
    checks = _checks(conf)
    policy = Policy(
        hostname=conf.hostname,
        threshold=options.guest_monitoring_failure_threshold,
        failures=MappingProxyType({check.name: check.failures for check in checks}),
        io_check=options.io_check,
        reports_per_hour=options.max_reports_per_hour,
    )
    sources: list[Source[Observation]] = []
    for uri in uris:
        roster = Roster()
        sources.append(Machines(uri, pattern, roster, clock))
        sources.append(
            Heartbeat(
                uri,
                roster,
                clock,
                interval=float(options.guest_monitoring_interval),
                timeout=float(options.guest_monitoring_timeout),
                threshold=policy.threshold,
            )
        )
        if checks:
            sources.append(Checks(uri, roster, clock, checks))
    looks = Looks({uri: Look(uri, clock) for uri in uris})
    return Monitor(
        name="introspectiveinstancemonitor",
        state=from_disk(memory, uris),
        decide=partial(_decide, policy),
        sources=tuple(sources),
        effects=looks,
        describe=describe,
        looked=partial(looked, uris),
        close=looks.close,
        watching=(
            *(f"guests of {uri} whose agent's socket matches {pattern.pattern}" for uri in uris),
            *(f"check {check.name}" for check in checks),
        ),
    )


def _decide(
    policy: Policy, state: State, observation: Observation | Woken, now: Instant
) -> tuple[State, Decision]:
    return decide(state, observation, now, policy)


def looked(uris: Sequence[str], state: State) -> bool:
    """Whether the reports of the last life may be delivered: every libvirt has listed its machines, and every
    guest that stood reported has been asked again."""
    return all(uri in state.unwatched for uri in uris) and all(
        guest.heartbeat.phase is not Phase.REPORTED or guest.heartbeat.evidence
        for guest in state.guests.values()
    )


class Looks:
    """The effects: one `Look` for each libvirt."""

    def __init__(self, looks: Mapping[str, Look]) -> None:
        """By connection URI."""
        self._looks = looks

    async def perform(self, command: Command) -> Counters | NotKnown | None:
        """Answer `ReadCounters`."""
        if not isinstance(command, ReadCounters):
            raise TypeError(f"the introspective monitor has no way to carry out {command!r}")
        return await self._looks[command.where].perform(command)

    async def close(self) -> None:
        """Let go of every connection."""
        for look in self._looks.values():
            await look.close()


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why guests cannot be asked on this computer, or nothing; raises ConfigFault for a bad URI."""
    uris = _uris(conf)
    try:
        libvirt.load()
    except libvirt.BindingMissing as fault:
        return str(fault)
    return libvirt.absent(uris)


def _uris(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    try:
        found = libvirt.uris(conf.libvirt.connection_uri)
        libvirt.check(found)
    except (libvirt.BadUri, libvirt.BindingMissing) as fault:
        raise ConfigFault(f"{fault} ({where(conf, 'libvirt', 'connection_uri')})") from None
    return found


def _pattern(conf: cfg.ConfigOpts) -> re.Pattern[str]:
    text = conf.introspectiveinstancemonitor.qemu_guest_agent_sock_path
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigFault(
            f"{where(conf, 'introspectiveinstancemonitor', 'qemu_guest_agent_sock_path')} is no regular "
            f"expression ({error}), so no guest agent can be found. Correct it; the default fits nova's machines."
        ) from None


def _checks(conf: cfg.ConfigOpts) -> tuple[Check, ...]:
    path = conf.introspectiveinstancemonitor.checks_file
    if not path:
        return ()
    try:
        return read(path)
    except CheckFault as fault:
        raise ConfigFault(
            f"The file of guest checks cannot be used, so it is not known what to check:\n{fault}\nMend the file,"
            f" or name another one: {where(conf, 'introspectiveinstancemonitor', 'checks_file')}."
        ) from None


def describe(state: State) -> Sequence[SubjectRow]:
    """What the status shows: each libvirt that is away, each machine, and each that cannot be watched."""
    rows = [SubjectRow(uri, "away", why, alarm=True) for uri, why in state.away.items()]
    rows += [_row(guest, away=guest.where in state.away) for guest in state.guests.values()]
    rows += [
        SubjectRow(f"vm:{machine.uuid}", "not watched", f"{machine.name}: {machine.why}")
        for machines in state.unwatched.values()
        for machine in machines
    ]
    return rows


def _row(guest: Guest, *, away: bool) -> SubjectRow:
    name, probe = _worst(guest)
    detail = [guest.name]
    if guest.standing is not Standing.RUNNING:
        detail.append(f"not judged: {guest.standing.value}")
    if name != HEARTBEAT:
        detail.append(f"check {name}")
    if probe.misses:
        detail.append(f"missed {probe.misses} in a row")
    if probe.hold is not None:
        detail.append(f"not reported: {probe.hold.value}")
    if probe.phase is not Phase.HEALTHY and probe.evidence:
        detail.append(probe.evidence)
    detail += [
        f"check {check} has not passed yet: {other.evidence}"
        for check, other in guest.probes.items()
        if check not in (HEARTBEAT, name) and other.phase is Phase.DISCOVERY and other.evidence
    ]
    alarm = probe.phase is Phase.REPORTED or probe.hold is not None
    return SubjectRow(f"vm:{guest.uuid}", "unknown" if away else probe.phase.value, "; ".join(detail), alarm)


def _worst(guest: Guest) -> tuple[str, Probe]:
    """The heartbeat, unless a check is worse off: one that never passed says nothing about the machine."""
    order = {Phase.ERROR: 1, Phase.REPORTED: 2}
    return max(guest.probes.items(), key=lambda item: (order.get(item[1].phase, 0), item[0] == HEARTBEAT))
