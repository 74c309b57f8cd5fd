"""The process monitor, wired: options to policy, sources and effects to the decision.

The only file of this room that reads the configuration.
"""

import datetime
import logging
import math
import os
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.core.decision import JSON, Instant, Notify, Withdraw, Woken
from masakarimonitors.core.notification import ProcessNotification, Settled
from masakarimonitors.core.rehearsal.written import Kinds, Words
from masakarimonitors.monitor import MasakariReader, Monitor
from masakarimonitors.processmonitor.core import commands
from masakarimonitors.processmonitor.core.decision import Decider, State, may_leave, restore
from masakarimonitors.processmonitor.core.explained import count, explain
from masakarimonitors.processmonitor.core.observation import (
    CommandKey,
    Entry,
    MaintenanceSeen,
    Observation,
    ReportEnded,
    Run,
)
from masakarimonitors.processmonitor.core.recognition import seen
from masakarimonitors.processmonitor.core.reports import Fate, recalled
from masakarimonitors.processmonitor.core.stages import (
    Policy,
    Probation,
    Running,
    Unclear,
    WatchedProcess,
    subject_of,
)
from masakarimonitors.processmonitor.core.unconfirmed import judge, well
from masakarimonitors.processmonitor.effects import Effects, Runner, Spare, run_directly
from masakarimonitors.processmonitor.sources import process_list
from masakarimonitors.processmonitor.sources.commands import Commands
from masakarimonitors.processmonitor.sources.process_list import ProcessList
from masakarimonitors.processmonitor.sources.processes import Processes
from masakarimonitors.processmonitor.sources.stat import sees_the_host
from masakarimonitors.processmonitor.unacted import Unacted
from masakarimonitors.status.health import Kind, Sight, View
from masakarimonitors.status.model import SubjectRow, as_of_state
from masakarimonitors.system.clock import Clock, boot_id
from masakarimonitors.system.files.trusted_file import complaint, others_could_write
from masakarimonitors.system.files.yaml_file import YamlFileFault
from masakarimonitors.system.privileged.runner import RunAsRoot
from masakarimonitors.system.processes import spawning
from masakarimonitors.system.processes.command import Finished

if TYPE_CHECKING:  # only `check` needs it
    from masakarimonitors.processmonitor.sources.overview import Finding

LOG = logging.getLogger(__name__)


def down_since(memory: Mapping[str, Mapping[str, JSON]], boot: str) -> Mapping[str, datetime.datetime]:
    """When, in this boot, the last life saw each process gone that it has reported, by process_name."""
    down: dict[str, datetime.datetime] = {}
    for subject, kept in memory.items():
        name = subject.removeprefix(subject_of(""))
        report = recalled(kept)
        moment = report.reported_at or report.made_at
        if name == subject or moment is None or not boot or kept.get("boot") != boot or kept.get("over"):
            continue
        down[name] = moment
    return down


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock, api: MasakariReader
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life. `api` is read while masakari
    may hold this host on maintenance because of a report, or has refused one.

    Raises ConfigFault when the process list cannot be used: what is to be watched must be known.
    """
    options = conf.process
    path = options.process_list_path
    entries = _entries(conf, path)
    policy = policy_of(conf)
    listed = ProcessList(path, clock)
    own_commands = Commands()
    blindness = "" if options.own_pid_namespace else sees_the_host()
    processes = Processes(
        clock,
        float(options.check_interval),
        blindness=blindness,
        down=down_since(memory, policy.boot),
        seen=seen.recalled(memory),
    )
    maintenance = _maintenance(api, conf.hostname, clock)
    if conf.shadow:
        effects: Effects | Unacted = Unacted(processes, maintenance)
    else:
        spawning.get_ready()
        effects = Effects(
            processes,
            policy.command_timeout,
            run_directly,
            _root(conf, entries),
            maintenance,
            tell=own_commands.tell,
            left=commands.recalled(memory, policy.boot),
        )
    return Monitor(
        name="processmonitor",
        state=restore(memory, commands.recalled_tries(memory, policy.boot, clock.now().monotonic)),
        rules=policy,
        kinds=kinds,
        decide=Decider(policy),
        sources=(listed, processes, own_commands),
        effects=effects,
        describe=as_of_state(lambda state: describe(state, policy)),
        views=lambda state, now: [view(state)],
        explain=lambda state, subject, now: explain(state, policy, subject, now),
        count=lambda state, now: count(state, policy, now),
        holds=HOLDS,
        judge_unconfirmed=lambda state, report, now: judge(state, report),
        is_well=well,
        may_offer=lambda state, told, now: may_leave(state, told),
        held_patience=policy.returning,
        settled=settled,
        at_end=lambda state: commands.at_end(state.processes.values()),
        reload=listed.reload,
        watching=tuple(f"process {entry.process_name} (of {path})" for entry in entries),
        # Where reports go to a real masakari-api, nobody is told to kill anything.
        try_this=tuple(f"pkill -9 -f {shlex.quote(entry.process_name)}" for entry in entries)
        if conf.receiver.embedded
        else (),
    )


def policy_of(conf: cfg.ConfigOpts) -> Policy:
    """The rules that the options ask for."""
    options = conf.process
    return Policy(
        hostname=conf.hostname,
        restart_retries=options.restart_retries,
        restart_interval=float(options.restart_interval),
        restart_grace=float(options.restart_grace),
        start_patience=float(options.start_patience),
        restarts_per_hour=options.restarts_per_hour,
        command_timeout=float(options.command_timeout),
        boot=boot_id(""),
        tells=not conf.shadow,
    )


def rules_of(conf: cfg.ConfigOpts) -> tuple[Policy, tuple[Entry, ...]]:
    """For whoever plays what would be reported: the rules and the list; raises ConfigFault."""
    return policy_of(conf), _entries(conf, conf.process.process_list_path)


_HIDDEN = {"Entry": frozenset(key.value for key in CommandKey), "Run": frozenset({"command_line"})}
"""The operator's command lines, which may hold a password: only a digest of them is ever written down."""


def kinds() -> Kinds:
    """In which words all that this monitor goes by is written down."""
    return Kinds(
        words=Words(Instant, Woken, Notify, Withdraw, Policy, State, Observation, hidden=_HIDDEN),
        observations=Observation | Woken,
        rules=Policy,
        state=State,
        decider=Decider,
    )


def settled(report: Settled, now: Instant) -> Observation | None:
    """The end of one of its reports, as the core wants to know it."""
    return ReportEnded(
        subject=report.subject,
        made_at=report.made_at or report.notification.generated_time,
        status=report.status,
        why=report.answer,
        at=now,
    )


def _root(conf: cfg.ConfigOpts, entries: Sequence[Entry]) -> Runner:
    """Who runs commands as root."""
    if os.geteuid() == 0:
        return run_directly
    if why := not_roots(conf, entries):
        LOG.warning("No command will be run as root: the privileged helper refuses this list. %s", why)
    return _as_root(conf)


def _as_root(conf: cfg.ConfigOpts) -> Runner:
    run_as_root = RunAsRoot(tuple(conf.config_file or ()), tuple(conf.config_dir or ()))

    async def run(run: Run, timeout: float, started: Callable[[int], None], spare: Spare) -> Finished:
        def start(place: str, word: str) -> tuple[int, str, int]:
            from masakarimonitors.processmonitor import privileged  # and with it oslo.privsep

            seen = privileged.digest(run.command_line)
            answer: tuple[int, str, int] = privileged.start(
                run.process_name, run.what.value, seen, place, word
            )
            return answer

        program = shlex.split(run.command_line)[0]
        return await run_as_root(program, start, timeout, started, spare=spare, leave=True)

    return run


def not_roots(conf: cfg.ConfigOpts, entries: Sequence[Entry]) -> str:
    """Empty, or why the privileged helper runs none of the commands that the list wants to be run as root."""
    if not any(entry.run_as_root for entry in entries):
        return ""
    return complaint(conf.process.process_list_path) or others_could_write(
        conf.config_file or (), conf.config_dir or ()
    )


def _maintenance(
    api: MasakariReader, hostname: str, clock: Clock
) -> Callable[[], Awaitable[MaintenanceSeen]]:
    async def ask() -> MaintenanceSeen:
        from masakarimonitors.masakari_lists import standing

        waits, flag = await standing(api, hostname, ProcessNotification.type)
        return MaintenanceSeen(flag, clock.now(), waits)

    return ask


def _entries(conf: cfg.ConfigOpts, path: str) -> tuple[Entry, ...]:
    try:
        return process_list.read_in_time(path)
    except YamlFileFault as fault:
        raise ConfigFault(
            f"The process list cannot be used, so it is not known which processes to watch:\n{fault}\nMend the"
            f" file, or name another one: {where(conf, 'process', 'process_list_path')}."
        ) from None


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why no process is watched on this host, or nothing: a host without a list, of which no file names one."""
    option = "process_list_path"
    place = conf.get_location(option, "process")
    unnamed = place is None or place.location is cfg.Locations.opt_default
    if not unnamed or os.path.lexists(conf.process[option]):
        return ""
    try:
        _entries(conf, conf.process[option])
    except ConfigFault as fault:
        return str(fault)
    return ""


def check_list(conf: cfg.ConfigOpts) -> "Sequence[Finding]":
    """What each entry of the list matches now, or nearly matches; raises ConfigFault when it cannot be used."""
    from masakarimonitors.processmonitor.sources.overview import Finding, overview

    entries = _entries(conf, conf.process.process_list_path)
    findings = overview(entries, "" if conf.process.own_pid_namespace else sees_the_host())
    if why := not_roots(conf, entries):
        # Whoever checks may be root; whether the monitor will be, nobody knows here.
        text = f"processes: a monitor that is not root itself will get no command run as root: {why}"
        findings.insert(0, Finding(False, text))
    return findings


HOLDS = UNCLEAR, SHORT, UNSEEN = "unclear", "short", "blind"
"""Why nothing is done about a process: its entry fits it no more; its command cannot be started; it cannot be seen."""


def describe(state: State, policy: Policy) -> Sequence[SubjectRow]:
    """What the status shows: each process of the list, and the list itself while it is broken."""
    rows = [_row(process, policy) for process in state.processes.values()]
    if state.list_fault:
        # Before the first good one nothing is watched at all, which is no view.
        use, harms = (
            ("broken; the last good one is in use", Kind.OUTDATED) if state.list_read else ("broken", None)
        )
        rows.insert(0, SubjectRow("process list", use, state.list_fault, alarm=True, harms=harms))
    return rows


def view(state: State) -> View:
    """What is seen of the processes: it is known which to watch, and each one can be seen."""
    if not state.list_read:
        return View("processes", Sight.BLIND if state.list_fault else Sight.UNKNOWN, state.list_fault)
    blind = [process.name for process in state.processes.values() if process.blind]
    if blind:
        return View("processes", Sight.BLIND, f"cannot be seen: {', '.join(blind)}")
    unseen = [process.name for process in state.processes.values() if math.isinf(process.seen_at)]
    if unseen:
        return View("processes", Sight.UNKNOWN, f"not looked at yet: {', '.join(unseen)}")
    return View("processes", Sight.PROVEN, "each one of the list can be seen")


def _row(process: WatchedProcess, policy: Policy) -> SubjectRow:
    detail = []
    outage, held = process.outage, ""
    if outage is not None and not isinstance(process.stage, Running):
        detail.append(f"down since {outage.since.wall:%Y-%m-%d %H:%M:%S} UTC")
        if outage.tries:
            detail.append(f"restarts tried: {outage.tries} (report after {policy.tries})")
        detail += filter(None, [outage.report.text(tells=policy.tells)])
    if isinstance(process.stage, Unclear):
        held = UNCLEAR
        detail.append(f"{process.stage.who}: compare the list with `masakari-monitors check`")
    runs = isinstance(process.stage, Running | Probation)
    if runs and process.runs_as:
        detail.append(process.runs_as)
    if outage is not None and outage.short_since is not None and not runs:
        held = SHORT
        detail.append(
            "its command cannot be run, or not be heard of, for a reason of this monitor's own; no try is counted"
            f" before that has lasted for {policy.shortage:g} s"
        )
    if process.blind:
        held = UNSEEN
        detail.append("cannot be seen at the moment")
    if process.often:
        detail.append(f"ended {len(process.ends)} times within an hour")
    if process.told is not None:
        was = "was" if process.told.fate is Fate.DELIVERED else "may have been"
        detail.append(f"masakari {was} told, and holds this host on maintenance")
    elif process.taken_back is not None:
        which = "its report" if outage is None else "the report of its earlier outage"
        detail.append(f"{which} was taken back, but may have arrived: masakari is asked what it made of it")
    if outage is not None and outage.trouble and not isinstance(process.stage, Running):
        detail.append(outage.trouble)
    alarm = process.reported or process.often or process.told is not None or bool(held)
    return SubjectRow(process.subject, process.stage.text, "; ".join(detail), alarm, held=held)
