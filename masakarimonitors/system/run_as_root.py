"""Running a command as root from a monitor that is not root.

Through oslo.privsep's helper, started when the first command needs it: until then neither its library
nor its process costs memory. The command's exit is seen on a pidfd of ours.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from masakarimonitors.system.command import Finished, PidWatch, text
from masakarimonitors.system.worker import Worker

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A call to the running helper takes a millisecond or two; killing a tree that hangs, some seconds.
_CALL = 20.0
_DIE_WITHIN = 5.0


class RunAsRoot:
    """`await run_as_root(argv, timeout, started)`."""

    def __init__(self, config_files: Sequence[str], config_dirs: Sequence[str]) -> None:
        """The configuration that the helper is to be started with, as deployed sudoers rules expect it."""
        self._files = tuple(config_files)
        self._dirs = tuple(config_dirs)
        self._worker: Worker | None = None
        self._configured = False

    async def __call__(self, argv: Sequence[str], timeout: float, started: Callable[[int], None]) -> Finished:
        """Run `argv` to its end, at most `timeout` seconds; OSError when it or the helper cannot be started."""
        begun = time.monotonic()
        pid, fault = await self._call(functools.partial(self._start, list(argv)), max(timeout, _CALL))
        if not pid:
            raise OSError(fault)
        started(pid)
        watch = PidWatch(pid)
        try:
            timed_out = not await watch.wait(begun + timeout - time.monotonic())
            if timed_out:
                await self._call(functools.partial(_kill, pid), _CALL)
                await watch.wait(_DIE_WITHIN)
            code, stdout, stderr = await self._call(functools.partial(_finish, pid), _CALL)
        except asyncio.CancelledError:
            self._thread().post(functools.partial(_kill, pid))
            raise
        finally:
            watch.close()
        return Finished(code, text(stdout), timed_out, time.monotonic() - begun, text(stderr))

    async def _call(self, job: Callable[[], T], seconds: float) -> T:
        try:
            return await self._thread().call(job, seconds)
        except TimeoutError:
            self._worker = None  # whatever hangs there, the next command gets another thread
            raise OSError(
                f"the privileged helper did not answer within {seconds:.0f} s; see [masakarimonitors_privileged]"
                " helper_command, and sudo's own log"
            ) from None

    def _thread(self) -> Worker:
        if self._worker is None:
            self._worker = Worker("privileged")
        return self._worker

    def _start(self, argv: list[str]) -> tuple[int, str]:
        from oslo_privsep.daemon import FailedToDropPrivileges

        from masakarimonitors import privsep
        from masakarimonitors.system import privileged

        if not self._configured:
            privsep.configure(self._files, self._dirs)
            self._configured = True
            LOG.info("Starting the privileged helper: the first command with run_as_root needs it")
        try:
            pid, fault = privileged.start(argv)
        except FailedToDropPrivileges as error:
            raise OSError(
                f"the privileged helper cannot be started ({error}); check [masakarimonitors_privileged]"
                " helper_command and the sudoers rule of the monitor's user"
            ) from error
        return int(pid), str(fault)


def _finish(pid: int) -> tuple[int, bytes, bytes]:
    from masakarimonitors.system import privileged

    try:
        code, stdout, stderr = privileged.finish(pid)
    except KeyError:
        raise OSError("the privileged helper was restarted while the command ran") from None
    return int(code), bytes(stdout), bytes(stderr)


def _kill(pid: int) -> None:
    from masakarimonitors.system import privileged

    privileged.kill(pid)
