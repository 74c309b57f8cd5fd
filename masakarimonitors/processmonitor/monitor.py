"""The process monitor, wired: options to policy, sources and effects to the decision.

The only file of this room that reads the configuration.
"""

import os
import shlex
from collections.abc import Mapping, Sequence

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.core.decision import JSON
from masakarimonitors.monitor import MasakariReader, Monitor
from masakarimonitors.processmonitor.core.decision import Decider, State, restore
from masakarimonitors.processmonitor.core.lifecycle import Phase, Policy, WatchedProcess
from masakarimonitors.processmonitor.core.observation import Entry, Observation
from masakarimonitors.processmonitor.core.unconfirmed import judge
from masakarimonitors.processmonitor.effects import Effects, run_directly
from masakarimonitors.processmonitor.sources import process_list
from masakarimonitors.processmonitor.sources.process_list import ProcessList
from masakarimonitors.processmonitor.sources.processes import Processes
from masakarimonitors.status.model import SubjectRow
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.privileged.runner import RunAsRoot
from masakarimonitors.system.yaml_file import YamlFileFault


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock, api: MasakariReader
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life. It reads nothing of `api`.

    Raises ConfigFault when the process list cannot be used: what is to be watched must be known.
    """
    options = conf.process
    path = options.process_list_path
    entries = _entries(conf, path)
    policy = Policy(
        hostname=conf.hostname,
        restart_retries=options.restart_retries,
        restart_interval=float(options.restart_interval),
        command_timeout=float(options.command_timeout),
    )
    listed = ProcessList(path, clock)
    processes = Processes(clock, float(options.check_interval))
    as_root = (
        run_directly
        if os.geteuid() == 0
        else RunAsRoot(tuple(conf.config_file or ()), tuple(conf.config_dir or ()))
    )
    return Monitor(
        name="processmonitor",
        state=restore({key: value for key, value in memory.items() if key.startswith("process:")}),
        decide=Decider(policy),
        sources=(listed, processes),
        effects=Effects(processes, policy.command_timeout, run_directly, as_root),
        describe=lambda state: describe(state, policy),
        judge_unconfirmed=lambda state, report, now: judge(state, report),
        reload=listed.reload,
        watching=tuple(f"process {entry.process_name} (of {path})" for entry in entries),
        # Where reports go to a real masakari-api, nobody is told to kill anything.
        try_this=tuple(f"pkill -9 -f {shlex.quote(entry.process_name)}" for entry in entries)
        if conf.receiver.embedded
        else (),
    )


def _entries(conf: cfg.ConfigOpts, path: str) -> tuple[Entry, ...]:
    try:
        return process_list.read(path)
    except YamlFileFault as fault:
        raise ConfigFault(
            f"The process list cannot be used, so it is not known which processes to watch:\n{fault}\nMend the"
            f" file, or name another one: {where(conf, 'process', 'process_list_path')}."
        ) from None


def describe(state: State, policy: Policy) -> Sequence[SubjectRow]:
    """What the status shows: each process of the list, and the list itself while it is broken."""
    rows = [_row(process, policy) for process in state.processes.values()]
    if state.list_fault:
        rows.insert(
            0, SubjectRow("process list", "broken; the last good one is in use", state.list_fault, alarm=True)
        )
    return rows


def _row(process: WatchedProcess, policy: Policy) -> SubjectRow:
    detail = []
    if process.down_since is not None:
        detail.append(f"down since {process.down_since.wall:%Y-%m-%d %H:%M:%S} UTC")
    if process.tries and process.phase is not Phase.RUNNING:
        detail.append(f"restarts tried: {process.tries} (report after {policy.tries})")
    if process.reported:
        detail.append("reported")
    if process.blind:
        detail.append("cannot be seen at the moment")
    if process.trouble and process.phase is not Phase.RUNNING:
        detail.append(process.trouble)
    alarm = process.reported or process.blind
    return SubjectRow(process.subject, process.phase.value, "; ".join(detail), alarm)
