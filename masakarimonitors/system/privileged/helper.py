"""The helper's half of running a command as root: what oslo.privsep executes in its root process.

Short calls, so that fifty commands at once never wait for the helper's few threads: `start` one, `finish` it (how did
it end), `kill` it, or `abandon` one of which nobody wants to hear any more. The monitor itself waits, on a pidfd of the
helper's child, and reads what the command has printed from the files that were handed over to it (handover.py).
Imported by the monitor only when first needed. The privileged context stands in
`masakarimonitors.privsep`, a name that deployed sudoers rules contain.
"""

import os
import subprocess
import threading

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.command import Launched, kill_tree, tree
from masakarimonitors.system.privileged.handover import hand_over

_lock = threading.Lock()
"""oslo.privsep makes calls side by side."""

_running: dict[int, Launched] = {}
_abandoned: list[Launched] = []
"""Killed commands that had not ended by then: they hang in the kernel."""

_left_open: list[Launched] = []
"""Commands that have ended and whose output some daemon of theirs may still write to."""


@monitors_priv.entrypoint
def start(argv: list[str], place: str, word: str) -> tuple[int, str, int]:
    """Start `argv` and hand its output over: its pid, or 0 and what is wrong, in words and as an errno (0: none).

    The pid stays taken until `finish` or `abandon`.
    """
    _sweep()
    try:
        launched = Launched(argv, None, "/")
    except (OSError, ValueError) as error:
        return 0, str(error), _errno(error)
    _running[launched.pid] = launched
    try:
        hand_over(place, word, launched.outputs)
    except OSError as error:
        abandon(launched.pid)
        return 0, f"its output could not be handed over: {error}", _errno(error)
    return launched.pid, "", 0


def _errno(error: Exception) -> int:
    return (isinstance(error, OSError) and error.errno) or 0


@monitors_priv.entrypoint
def finish(pid: int) -> int:
    """The exit code of a command that has ended; KeyError for one of an earlier helper.

    Never what it has printed: oslo.privsep logs what is returned here when `debug` is set. Raises
    subprocess.TimeoutExpired when it has not ended.
    """
    launched = _running[pid]
    code = launched.collect()[0]
    with _lock:
        _running.pop(pid, None)
        _left_open.append(launched)
    _sweep()
    return code


@monitors_priv.entrypoint
def kill(pid: int) -> None:
    """Kill the command and all that it started."""
    launched = _running.get(pid)
    if launched is not None:
        launched.kill(_kill)


@monitors_priv.entrypoint
def abandon(pid: int) -> None:
    """Kill the command, and let go of all that is kept for it, now or as soon as it has ended."""
    with _lock:
        launched = _running.pop(pid, None)
    if launched is None:
        return
    try:
        launched.kill(_kill)
    finally:
        with _lock:
            try:
                launched.collect()
            except subprocess.TimeoutExpired:
                _abandoned.append(launched)
            else:
                _left_open.append(launched)
        _sweep()


def _kill(pid: int) -> None:
    kill_tree(pid)
    # The helper itself has no capabilities (not even to kill a child that changed its user), but what
    # root executes has.
    rest = [str(one) for one in tree(pid)]
    subprocess.run(
        ["/bin/sh", "-c", 'kill -KILL "$@"', "sh", *rest], check=False, stderr=subprocess.DEVNULL, timeout=10
    )


def _sweep() -> None:
    """Reap what has ended meanwhile, and close what nobody writes to any more."""
    with _lock:
        for launched in [one for one in _abandoned if _has_ended(one.pid)]:
            _abandoned.remove(launched)
            launched.collect()
            _left_open.append(launched)
        _left_open[:] = [one for one in _left_open if one.let_go()]


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
