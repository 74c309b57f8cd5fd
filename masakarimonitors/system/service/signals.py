"""SIGHUP and SIGUSR2 from the first instruction on: neither ever ends the process, and none is lost. SIGCHLD as usual.

`hold` comes before anything that takes time (imports, files): what arrives before somebody listens is kept for whoever
does. Nothing is imported here that takes time itself. A handler, and not "ignore": that would be handed on to every
command that is started.

Who started us may have ignored SIGCHLD, and every program inherits that. Then the kernel keeps no exit code, and each
command that fails would count as one that worked.
"""

import signal
from collections.abc import Callable
from types import FrameType

HELD = (signal.SIGHUP, signal.SIGUSR2)

_waiting: set[int] = set()
_listeners: dict[int, Callable[[], None]] = {}


def hold() -> None:
    """Keep these signals from ending the process, and the exit codes of its commands; on the main thread only."""
    for number in HELD:
        signal.signal(number, _take)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def release() -> None:
    """Let them do what they do to any program; for tools that a person runs and ends."""
    for number in HELD:
        signal.signal(number, signal.SIG_DFL)
    _waiting.clear()


def listen(number: signal.Signals, listener: Callable[[], None]) -> None:
    """Have `listener` called whenever the signal comes, between two instructions of the main thread; and at once, if
    one has come already."""
    _listeners[number] = listener
    if number in _waiting:
        _waiting.discard(number)
        listener()


def forget(number: signal.Signals) -> None:
    """Nobody listens any more; what comes is kept."""
    _listeners.pop(number, None)


def _take(number: int, frame: FrameType | None) -> None:
    listener = _listeners.get(number)
    if listener is None:
        _waiting.add(number)
    else:
        listener()
