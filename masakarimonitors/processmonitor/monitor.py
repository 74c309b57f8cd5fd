"""The process monitor, wired: options to policy, sources and effects to the decision.

The only file of this room that reads the configuration.
"""

import os
import shlex
from collections.abc import Mapping, Sequence

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.daemon import Monitor
from masakarimonitors.decisions import JSON
from masakarimonitors.processmonitor.course import Course, Policy, Stage
from masakarimonitors.processmonitor.decision import Decider, State, start
from masakarimonitors.processmonitor.effects import Acts, run_directly
from masakarimonitors.processmonitor.observation import Entry, Observation
from masakarimonitors.processmonitor.sources import process_list
from masakarimonitors.processmonitor.sources.process_list import ListFault, ProcessList
from masakarimonitors.processmonitor.sources.processes import Processes
from masakarimonitors.status.board import SubjectRow
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.run_as_root import RunAsRoot


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life.

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
    own_commands: set[int] = set()
    listed = ProcessList(path, clock)
    processes = Processes(clock, float(options.check_interval), own_commands)
    as_root = (
        run_directly
        if os.geteuid() == 0
        else RunAsRoot(tuple(conf.config_file or ()), tuple(conf.config_dir or ()))
    )
    return Monitor(
        name="processmonitor",
        state=start({key: value for key, value in memory.items() if key.startswith("process:")}),
        decide=Decider(policy),
        sources=(listed, processes),
        effects=Acts(processes, own_commands, policy.command_timeout, run_directly, as_root),
        describe=lambda state: describe(state, policy),
        looked=looked,
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
    except ListFault as fault:
        raise ConfigFault(
            f"The process list cannot be used, so it is not known which processes to watch:\n{fault}\nMend the"
            f" file, or name another one: {where(conf, 'process', 'process_list_path')}."
        ) from None


def looked(state: State) -> bool:
    """Whether every listed process has been looked for since the start."""
    return bool(state.courses) and all(course.stage is not Stage.UNSEEN for course in state.courses.values())


def describe(state: State, policy: Policy) -> Sequence[SubjectRow]:
    """What the status shows: each process of the list, and the list itself while it is broken."""
    rows = [_row(course, policy) for course in state.courses.values()]
    if state.list_fault:
        rows.insert(
            0, SubjectRow("process list", "broken; the last good one is in use", state.list_fault, alarm=True)
        )
    return rows


def _row(course: Course, policy: Policy) -> SubjectRow:
    detail = []
    if course.down_since is not None:
        detail.append(f"down since {course.down_since.wall:%Y-%m-%d %H:%M:%S} UTC")
    if course.tries and course.stage is not Stage.RUNNING:
        detail.append(f"restarts tried: {course.tries} (report after {policy.tries})")
    if course.reported:
        detail.append("reported")
    if course.blind:
        detail.append("cannot be seen at the moment")
    if course.trouble and course.stage is not Stage.RUNNING:
        detail.append(course.trouble)
    alarm = course.reported or course.blind
    return SubjectRow(course.subject, course.stage.value, "; ".join(detail), alarm)
