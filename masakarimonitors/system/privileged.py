"""Commands as root for a monitor that is not root: what runs inside oslo.privsep's helper.

Three short calls, so that fifty commands at once never wait for the helper's few threads: start one,
fetch how it ended, kill it. The monitor itself waits, on a pidfd of the helper's child.
Imported only when first needed.
"""

import subprocess

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.command import Launched, kill_tree, tree

_running: dict[int, Launched] = {}
_ended: list[Launched] = []


@monitors_priv.entrypoint
def start(argv: list[str]) -> tuple[int, str]:
    """Start `argv`: its pid, or 0 and what is wrong. The pid stays taken until `finish`."""
    try:
        launched = Launched(argv, None, "/")
    except OSError as error:
        return 0, str(error)
    _running[launched.pid] = launched
    return launched.pid, ""


@monitors_priv.entrypoint
def finish(pid: int) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of a command that has ended; KeyError for one of an earlier helper."""
    launched = _running[pid]
    outcome = launched.collect()
    del _running[pid]
    _ended.append(launched)
    _ended[:] = [one for one in _ended if one.let_go()]
    return outcome


@monitors_priv.entrypoint
def kill(pid: int) -> None:
    """Kill the command and all that it started."""
    if pid not in _running:
        return
    kill_tree(pid)
    # The helper itself has no capabilities (not even to kill a child that changed its user), but what
    # root executes has.
    rest = [str(one) for one in tree(pid)]
    subprocess.run(
        ["/bin/sh", "-c", 'kill -KILL "$@"', "sh", *rest], check=False, stderr=subprocess.DEVNULL, timeout=10
    )
