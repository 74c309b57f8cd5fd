"""What is kept on disk of the commands that run: they go on when the monitor stops, and its next life waits for them.

Which run is kept as soon as that is known, and ahead of it from when on one may begin: a monitor that is killed in
between has its next life look for that one, and begin none beside it, nor beside the service that it may have started.
In: which run, how a process stands, or what the last life has kept. Out: the memory, or of which commands it tells.
Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from masakarimonitors.core.decision import JSON, NOTHING, Decision, Instant, Remember
from masakarimonitors.processmonitor.core.observation import CommandsRun
from masakarimonitors.processmonitor.core.stages import (
    LONGEST_LEAD,
    Appearing,
    Begun,
    Down,
    Grace,
    Policy,
    Probation,
    Running,
    Trying,
    Unclear,
    Unseen,
    WatchedProcess,
)

PREFIX = "command:"
"""Before the process name: the key of the memory of those that run."""

BEGUN = "try:"
"""The same of the memory of when one may begin."""


def remember(seen: CommandsRun, boot: str) -> Decision:
    """Keep these, and none that was kept before."""
    running: list[JSON] = [[pid, started] for pid, started in seen.running]
    kept: dict[str, JSON] | None = {"running": running, "boot": boot} if running else None
    return Decision((Remember(PREFIX + seen.process_name, kept),))


def recalled(
    memory: Mapping[str, Mapping[str, JSON]], boot: str
) -> Mapping[str, tuple[tuple[int, int], ...]]:
    """By process name, those of this boot that may still run; what makes no sense is passed over."""
    found = {}
    for key, kept in memory.items():
        running = kept.get("running")
        if key.startswith(PREFIX) and kept.get("boot") == boot and isinstance(running, list):
            found[key.removeprefix(PREFIX)] = tuple(pair for one in running if (pair := _pair(one)))
    return found


def noted(process: WatchedProcess, now: Instant, policy: Policy) -> tuple[WatchedProcess, Decision]:
    """The process with what is kept of its next command, and what of that is new.

    It is written while somebody else may yet start the process, so that no command waits for a disk.
    """
    begun = _begun(process, now, policy)
    if begun == process.begun:
        return process, NOTHING
    before, process = process.begun, replace(process, begun=begun)
    if begun is None:
        return process, forget(process.name)
    if before is not None and before.since == begun.since:
        return process, NOTHING
    kept: dict[str, JSON] = {"since": begun.since, "boot": policy.boot}
    return process, Decision((Remember(BEGUN + process.name, kept),))


def forget(process_name: str) -> Decision:
    """None of its commands may have begun of which nobody knows what has become."""
    return Decision((Remember(BEGUN + process_name, None),))


def at_end(processes: Iterable[WatchedProcess]) -> Sequence[Remember]:
    """What the next life should find where this one has decided for the last time: a command that was not asked for by
    then has not begun, and without a note nobody looks for it, nor waits for its service."""
    return [Remember(BEGUN + one.name, None) for one in processes if _is_yet_to_begin(one)]


def _is_yet_to_begin(process: WatchedProcess) -> bool:
    match process.stage:
        case Grace() | Down() | Appearing(hopeless=True):
            return process.begun is not None and not process.begun.earlier
    return False


def _begun(process: WatchedProcess, now: Instant, policy: Policy) -> Begun | None:
    stage, before = process.stage, process.begun
    if isinstance(stage, Running | Probation) or not policy.tells:  # a shadow runs none
        return None
    if before is not None and before.earlier:
        return before
    match stage:
        case Grace(until=until):
            return Begun(until - LONGEST_LEAD * max(0.0, policy.restart_grace))
        case Appearing(hopeless=True, deadline=deadline):
            return Begun(deadline)
        case Down(until=until):
            return Begun(until)
        case Trying() | Appearing():
            return before or Begun(now.monotonic)
        case Unseen() | Unclear():
            return None


def recalled_tries(memory: Mapping[str, Mapping[str, JSON]], boot: str, now: float) -> Mapping[str, Begun]:
    """What the last life has kept in this boot of the next command of each process, by its name.

    Of what was to begin after the monotonic second `now` nothing has, for that life is over.
    """
    found = {}
    for key, kept in memory.items():
        since = kept.get("since")
        if not key.startswith(BEGUN) or kept.get("boot") != boot or isinstance(since, bool):
            continue
        if isinstance(since, int | float):
            found[key.removeprefix(BEGUN)] = Begun(float(since), earlier=since <= now)
    return found


def _pair(one: JSON) -> tuple[int, int] | None:
    match one:
        case [int(pid), int(started)]:
            return pid, started
    return None
