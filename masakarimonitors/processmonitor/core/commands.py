"""What is kept on disk of the commands that run: they go on when the monitor stops, and its next life waits for them.

In: which run, or what the last life has kept. Out: the memory, or the commands of which it tells. Pure.
"""

from collections.abc import Mapping

from masakarimonitors.core.decision import JSON, Decision, Remember
from masakarimonitors.processmonitor.core.observation import CommandsRun

PREFIX = "command:"
"""Before the process name: the key of the memory."""


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


def _pair(one: JSON) -> tuple[int, int] | None:
    match one:
        case [int(pid), int(started)]:
            return pid, started
    return None
