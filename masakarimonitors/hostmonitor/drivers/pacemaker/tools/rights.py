"""With whose rights a command is run: the monitor's own, or root's where those are refused.

In: an operation. Out: how it ended. Each command is tried with our own rights first, and as root when
that fails; what worked is remembered for each command, because being allowed to ask Pacemaker (group
haclient) says nothing of Corosync (uidgid.d) or of the network (tcpdump).
"""

import logging
import math
from collections.abc import Awaitable, Callable

from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import Asked
from masakarimonitors.system.privileged.runner import HelperForbidden
from masakarimonitors.system.processes.command import Finished

LOG = logging.getLogger(__name__)

Run = Callable[[Asked, float], Awaitable[Finished]]
"""Runs a command of the table for at most so many seconds; OSError when it cannot be started."""

_AGAIN = 60.0
"""Seconds before the privileged helper is tried again after it could not be started: sudo logs each attempt."""


class RunByOutcome:
    """Callable like `Run`."""

    def __init__(self, directly: Run, as_root: Run, now: Callable[[], float]) -> None:
        """`now`: monotonic seconds."""
        self._directly = directly
        self._as_root = as_root
        self._now = now
        self._needs_root: set[str] = set()
        self._no_helper_until = 0.0

    async def __call__(self, asked: Asked, timeout: float) -> Finished:
        """Run it; OSError when it can be started in neither way."""
        name = asked.program
        if name in self._needs_root:
            try:
                return await self._as_root(asked, timeout)
            except OSError as gone:
                # The helper has gone: perhaps our own rights have come meanwhile.
                self._needs_root.discard(name)
                self._helper_failed(name, gone)
        done, fault = await _ended(self._directly, asked, timeout)
        if (done is not None and _answered(name, done)) or self._now() < self._no_helper_until:
            return _given(done, fault)
        try:
            privileged = await self._as_root(asked, timeout)
        except OSError as refused:
            if not isinstance(fault, FileNotFoundError):
                self._helper_failed(name, refused)
            return _given(done, fault)
        if done is None or _answered(name, privileged):
            LOG.info("%s is run as root: this user may not (%s)", name, _words(name, done, fault))
            self._needs_root.add(name)
        return privileged

    def _helper_failed(self, name: str, fault: OSError) -> None:
        # What can never be is said once, and not tried again.
        self._no_helper_until = math.inf if isinstance(fault, HelperForbidden) else self._now() + _AGAIN
        LOG.warning("%s fails for this user, and cannot be run as root either: %s", name, fault)


def _answered(name: str, done: Finished) -> bool:
    """Whether it did what it is for. Corosync's tools fail where there is no quorum, and say so on stdout."""
    return done.ok or done.timed_out or (name.startswith("corosync-") and bool(done.output.strip()))


async def _ended(run: Run, asked: Asked, timeout: float) -> tuple[Finished | None, OSError | None]:
    try:
        return await run(asked, timeout), None
    except OSError as fault:
        return None, fault


def _given(done: Finished | None, fault: OSError | None) -> Finished:
    if done is None:
        raise fault or OSError("it was not run")
    return done


def _words(name: str, done: Finished | None, fault: OSError | None) -> str:
    if done is None:
        return str(fault)
    # What cibadmin prints holds passwords, also when it is killed halfway; its errors do not.
    said = done.errors if name == "cibadmin" else done.errors or done.output
    return f"exit code {done.exit_code}: {' '.join(said.split())[:200]}"
