"""All that one process has started, as far as it still belongs to it: who that is, and how to end it.

In: the pid of a command of ours that was not collected, so that it is nobody else's. Out: pids with start times, which
name processes for good.
"""

import contextlib
import os
import signal
from collections.abc import Collection, Mapping


def _relations() -> dict[int, tuple[int, int, int]]:
    """Every living process's parent, session and start time, by pid, at this moment."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                if fields[0] not in (b"Z", b"X") or fields[17] != b"1":
                    found[int(name)] = (int(fields[1]), int(fields[3]), int(fields[19]))
    return found


def children() -> list[int]:
    """The pids of our own children that live."""
    own = os.getpid()
    return [pid for pid, (parent, _, _) in _relations().items() if parent == own]


def tree(root: int, spare: Collection[int] = ()) -> set[int]:
    """`root`, all its living descendants, and all of the session that it leads; without `spare` and those below it."""
    return set(_tree(root, spare))


def _tree(root: int, spare: Collection[int]) -> dict[int, int]:
    """The same with the start time of each, 0 where there is none any more."""
    relations = _relations()

    def with_descendants(found: set[int], without: Collection[int] = ()) -> set[int]:
        while True:
            more = (
                {pid for pid, (parent, _, _) in relations.items() if parent in found} - found - set(without)
            )
            if not more:
                return found
            found |= more

    spared = with_descendants(set(spare))
    session = {pid for pid, (_, session, _) in relations.items() if session == root}
    found = with_descendants(({root} | session) - spared, spared)
    return {pid: relations[pid][2] if pid in relations else 0 for pid in found}


def kill_tree(root: int, spare: Collection[int] = ()) -> dict[int, int]:
    """SIGKILL `root` and everything that it started, as far as it still belongs to it; not `spare` nor what is below.

    `root` must be an uncollected command of ours, so that its pid cannot be anybody else's. What has
    already become a daemon of its own (another session, adopted by init) is left alone. Returns whom, with start times.
    """
    stopped: dict[int, int] = {}
    for _round in range(10):  # nothing that is stopped forks, so this ends
        found = _tree(root, spare)
        found.pop(os.getpid(), None)
        if found.keys() <= stopped.keys():
            break
        for pid in found.keys() - stopped.keys():
            _signal(pid, signal.SIGSTOP)
        stopped |= found
    for pid in stopped:
        _signal(pid, signal.SIGKILL)
    return stopped


def still_alive(victims: Mapping[int, int]) -> tuple[int, ...]:
    """Which of these processes (by pid and start time) still run; a zombie does not."""
    relations = _relations()
    return tuple(sorted(pid for pid, at in victims.items() if at and relations.get(pid, (0, 0, 0))[2] == at))


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
