"""The monitor's half of running a command as root: asks the helper, and waits for the command's end.

In comes an argument vector, out goes how it ended. The helper (oslo.privsep's) is started when the first
command needs it: until then neither its library nor its process costs memory. The command's exit is
seen on a pidfd of our own, so no thread of the helper waits for it. A command whose caller has gone, at whichever
moment, is killed, and the helper keeps nothing of it.
"""

import contextlib
import functools
import logging
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

from masakarimonitors.system.command import OUTPUT_LIMIT, Finished, PidWatch, text
from masakarimonitors.system.privileged.handover import Handover
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A call to the running helper takes a millisecond or two; killing a tree that hangs, some seconds.
_CALL_TIMEOUT = 20.0
_DIE_WITHIN = 5.0


@dataclass(kw_only=True)
class _Order:
    """One command, as the thread that speaks with the helper knows it. `pid` 0: it does not run, or no longer.

    `abandoned`: its caller has gone; written by the loop's thread alone, as `pid` is by the other.
    """

    argv: list[str]
    output: Handover
    pid: int = 0
    abandoned: bool = False


class RunAsRoot:
    """Callable like `command.run`: `await run_as_root(argv, timeout, started)`."""

    def __init__(self, config_files: Sequence[str], config_dirs: Sequence[str]) -> None:
        """The configuration that the helper is to be started with, as deployed sudoers rules expect it."""
        self._files = tuple(config_files)
        self._dirs = tuple(config_dirs)
        self._pool: Pool | None = None
        self._helpers_users: frozenset[int] | None = None

    async def __call__(
        self,
        argv: Sequence[str],
        timeout: float,
        started: Callable[[int], None],
        *,
        keep: int = OUTPUT_LIMIT,
    ) -> Finished:
        """Run `argv` to its end, at most `timeout` seconds; OSError when it or the helper cannot be started.

        `keep`: bytes kept of each of stdout and stderr, for the few commands that print more.
        """
        if self._helpers_users is None:
            self._helpers_users = await self._call(self._configure, max(timeout, _CALL_TIMEOUT))
        order = _Order(argv=list(argv), output=Handover(self._helpers_users))
        try:
            return await self._run(order, timeout, started, keep)
        finally:
            order.abandoned = True
            order.output.close()
            if order.pid:
                self._thread().submit(functools.partial(_let_go, order))

    async def _run(
        self, order: _Order, timeout: float, started: Callable[[int], None], keep: int
    ) -> Finished:
        begun = time.monotonic()
        pid, fault, number = await self._call(functools.partial(_start, order), max(timeout, _CALL_TIMEOUT))
        if not pid:
            error = OSError(fault)
            error.errno = (
                number or None
            )  # its words say it already; whether it is a shortage is told by this alone
            raise error
        await order.output.take()
        started(pid)
        with contextlib.closing(PidWatch(pid)) as watch:
            timed_out = not await watch.wait(begun + timeout - time.monotonic())
            if timed_out:
                await self._call(functools.partial(_kill, pid), _CALL_TIMEOUT)
                await watch.wait(_DIE_WITHIN)
        code, stdout, stderr = await self._call(functools.partial(_finish, order, keep), _CALL_TIMEOUT)
        return Finished(
            exit_code=code,
            output=text(stdout),
            timed_out=timed_out,
            seconds=time.monotonic() - begun,
            errors=text(stderr),
        )

    async def _call(self, function: Callable[[], T], timeout: float) -> T:
        try:
            return await self._thread().call(function, timeout, always=True)
        except TimeoutError:
            self._pool = None  # whatever hangs there, the next command gets another thread
            raise OSError(
                f"the privileged helper did not answer within {timeout:.0f} s; see [masakarimonitors_privileged]"
                " helper_command, and sudo's own log"
            ) from None

    def _thread(self) -> Pool:
        if self._pool is None:
            self._pool = Pool("privileged")
        return self._pool

    def _configure(self) -> frozenset[int]:
        """Get oslo.privsep ready; the user ids that its helper may have."""
        from masakarimonitors import privsep

        privsep.configure(self._files, self._dirs)
        LOG.info("Starting the privileged helper: the first command with run_as_root needs it")
        return frozenset({0, os.geteuid(), _user_id(privsep.monitors_priv.conf.user)})


def _user_id(user: str | None) -> int:
    """As oslo.privsep reads `[masakarimonitors_privileged] user`; one that does not exist stops the helper itself."""
    if not user:
        return 0
    with contextlib.suppress(ValueError):
        return int(user)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user).pw_uid
    return 0


def _helper() -> ModuleType:
    """What the helper does for us, whose next call starts another one where its connection was reset.

    oslo.privsep ends its reading thread then, and takes the connection for one that stands: it knows the end of a
    file alone as the end of its helper.
    """
    from masakarimonitors.privsep import monitors_priv
    from masakarimonitors.system.privileged import helper

    channel = monitors_priv.channel
    if channel is not None and channel.running and not channel.reader_thread.is_alive():
        LOG.warning("The connection to the privileged helper was reset: another one is started")
        channel.running = False
    return helper


def _start(order: _Order) -> tuple[int, str, int]:
    from oslo_privsep.daemon import FailedToDropPrivileges

    helper = _helper()

    try:
        pid, fault, number = helper.start(order.argv, order.output.place, order.output.word)
    except FailedToDropPrivileges as error:
        raise OSError(
            f"the privileged helper cannot be started ({error}); check [masakarimonitors_privileged]"
            " helper_command and the sudoers rule of the monitor's user"
        ) from error
    order.pid = int(pid)
    if order.abandoned:
        _let_go(order)
    return int(pid), str(fault), int(number)


def _finish(order: _Order, keep: int) -> tuple[int, bytes, bytes]:
    helper = _helper()

    try:
        code = int(helper.finish(order.pid))
        order.pid = 0
    except KeyError:
        order.pid = 0
        raise OSError("the privileged helper was restarted while the command ran") from None
    except subprocess.TimeoutExpired:
        code = -signal.SIGKILL  # it hangs in the kernel, killed; nothing more can be done about it
    return (code, *order.output.read(keep))


def _kill(pid: int) -> None:
    helper = _helper()

    helper.kill(pid)


def _let_go(order: _Order) -> None:
    helper = _helper()

    pid, order.pid = order.pid, 0
    if pid:
        helper.abandon(pid)
