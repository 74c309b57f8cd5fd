"""The monitor's half of running a command as root: asks the helper, and waits for the command's end.

In comes whom to ask for which command, out goes how it ended. The helper (oslo.privsep's) is started when the first
command needs it: until then neither its library nor its process costs memory. The command's exit is
seen on a pidfd of our own, so no thread of the helper waits for it. A command whose caller has gone is killed, or left
alone where its caller wants that, and the helper keeps nothing of it.
"""

import asyncio
import contextlib
import errno
import functools
import logging
import os
import pwd
import shlex
import shutil
import signal
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

from masakarimonitors.system.privileged.handover import Handover
from masakarimonitors.system.processes.command import (
    OUTPUT_LIMIT,
    Finished,
    NotBegun,
    PidWatch,
    Spare,
    outlive,
    text,
)
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A call to the running helper takes a millisecond or two; killing a tree that hangs, some seconds.
_CALL_TIMEOUT = 20.0
_DIE_WITHIN = 5.0
_LET_GO_EVERY = 5.0
_ASK_EVERY = 0.3


Start = Callable[[str, str], tuple[int, str, int]]
"""Asks the helper to start one command and to hand its output over, at that place and with that word: an entry point
of its own (`helper.Started`). Called on the thread that speaks with the helper, where oslo.privsep may be imported."""


@dataclass(kw_only=True)
class _Order:
    """One command, as the thread that speaks with the helper knows it. `pid` 0: it does not run, or no longer.

    `begins`: its start hangs in the helper, or has just ended there unheard. `abandoned`: its caller has gone;
    `goes_on`: and wants it to go on. Those two are written by the loop's thread alone, as `pid` and `begins` are by the
    other.
    """

    program: str
    start: Start
    output: Handover
    pid: int = 0
    begins: bool = False
    abandoned: bool = False
    goes_on: bool = False


class HelperFault(BlockingIOError):
    """The helper itself does not do its part: EAGAIN, for that says nothing about the command that it was to run."""

    def __init__(self, why: str) -> None:
        """`why`: what was seen of it, and what to look at."""
        super().__init__(errno.EAGAIN, why)


class HelperRefused(OSError):
    """There is no helper, nor will be one until that is mended: sudo refuses it, say. Nobody starts what is down."""


class HelperForbidden(HelperRefused):
    """No helper can be had for as long as this process lives: the kernel gives it no rights that it has not got."""


class RunAsRoot:
    """Runs as root what a `Start` asks for: `await run_as_root(program, start, timeout, started)`."""

    def __init__(self, config_files: Sequence[str], config_dirs: Sequence[str]) -> None:
        """The configuration that the helper is to be started with, as deployed sudoers rules expect it."""
        self._files = tuple(config_files)
        self._dirs = tuple(config_dirs)
        self._pool: Pool | None = None
        self._helpers_users: frozenset[int] | None = None

    async def __call__(
        self,
        program: str,
        start: Start,
        timeout: float,
        started: Callable[[int], None],
        *,
        keep: int = OUTPUT_LIMIT,
        spare: Spare | None = None,
        leave: bool = False,
    ) -> Finished:
        """Run it to its end, at most `timeout` seconds; OSError when it or the helper cannot be started.

        NotBegun when the kernel has not executed it by then. EAGAIN (BlockingIOError) when it is refused for now, and
        where the helper does not answer, is away, or tells no end (HelperFault): that says nothing about it.
        HelperRefused where no helper can be had at all, HelperForbidden where that holds for as long as this process.

        `program`: what is named when it cannot be started.
        `keep`: bytes kept of each of stdout and stderr, for the few commands that print more. `spare`, `leave`: as
        `command.run`; a command whose caller goes before `started` was told is killed all the same, since nobody would
        know of it.
        """
        if self._helpers_users is None:
            self._helpers_users = await self._call(self._configure, max(timeout, _CALL_TIMEOUT))
        order = _Order(program=program, start=start, output=Handover(self._helpers_users))
        try:
            return await self._run(order, timeout, started, keep, spare, leave)
        finally:
            order.abandoned = True
            order.output.close()
            if order.pid or order.begins:
                self._let_go(asyncio.get_running_loop(), order)

    def _let_go(self, loop: asyncio.AbstractEventLoop, order: _Order) -> None:
        """Have the helper end it, or leave it alone, as soon as there is a thread that asks."""
        try:
            self._thread().submit(functools.partial(_let_go, order))
        except NoThread as shortage:
            LOG.warning(
                "What %s has left in the privileged helper stays there for now: %s", order.program, shortage
            )
            loop.call_later(_LET_GO_EVERY, self._let_go, loop, order)

    async def _run(
        self,
        order: _Order,
        timeout: float,
        started: Callable[[int], None],
        keep: int,
        spare: Spare | None,
        leave: bool,
    ) -> Finished:
        begun = time.monotonic()
        pid, fault, number = await self._call(functools.partial(_start, order), max(timeout, _CALL_TIMEOUT))
        while number == errno.EINPROGRESS:
            if time.monotonic() >= begun + timeout:
                raise await self._given_up(order, timeout)
            await asyncio.sleep(_ASK_EVERY)
            pid, fault, number = await self._call(functools.partial(_begun, order), _CALL_TIMEOUT)
        if not pid:
            # A command that could not be started says so as one of our own; without a number, the helper refuses it.
            raise OSError(number, fault, order.program) if number else OSError(fault)
        try:
            await order.output.take()
        except OSError as fault:
            raise fault if fault.errno else HelperFault(str(fault)) from fault
        started(pid)
        spared: tuple[int, ...] = ()
        survivors: tuple[int, ...] = ()
        timed_out = left = killed = False
        try:
            with contextlib.closing(PidWatch(pid)) as watch:
                timed_out = not await watch.wait(begun + timeout - time.monotonic())
                if timed_out:
                    whom = await spare() if spare is not None else ()
                    left = whom is None
                    spared = (pid,) if whom is None else tuple(sorted(whom))
                    order.goes_on = pid in spared
                    if not left:
                        victims = await self._call(functools.partial(_kill, pid, spared), _CALL_TIMEOUT)
                        killed = True
                        survivors = await outlive(victims, watch)
            code, stdout, stderr = await self._call(functools.partial(_finish, order, keep), _CALL_TIMEOUT)
        except HelperFault as fault:
            if not timed_out:
                raise
            # That it took too long is known of the command, whoever was to end it.
            code, stdout, stderr = -signal.SIGKILL, b"", str(fault.strerror).encode()
            if not killed and pid not in spared:
                survivors = (pid,)
        except asyncio.CancelledError:
            order.goes_on = order.goes_on or leave
            raise
        return Finished(
            exit_code=code,
            output=text(stdout),
            timed_out=timed_out,
            seconds=time.monotonic() - begun,
            errors=text(stderr),
            spared=spared,
            survivors=survivors,
            left=left,
        )

    async def _given_up(self, order: _Order, timeout: float) -> OSError:
        """What is wrong with a command that has not begun in its time; nothing of it is left that is not killed."""
        asked, killed = await self._call(functools.partial(_give_up, order), _CALL_TIMEOUT)
        if not asked:
            return BlockingIOError(
                errno.EAGAIN,
                f"within {timeout:g} s the privileged helper could not read which command it is, or make the files of "
                "its output: a disk does not answer; look at the mounts of the process list and of TMPDIR",
            )
        hung = NotBegun(timeout, killed)
        hung.survivors = await outlive(killed)
        return hung

    async def _call(self, function: Callable[[], T], timeout: float) -> T:
        try:
            return await self._thread().call(function, timeout, always=True)
        except NoThread as shortage:
            raise HelperFault(str(shortage)) from shortage
        except TimeoutError:
            self._pool = None  # whatever hangs there, the next command gets another thread
            raise HelperFault(
                f"the privileged helper did not answer within {timeout:.0f} s; see [masakarimonitors_privileged]"
                " helper_command, and sudo's own log"
            ) from None
        except (HelperFault, HelperRefused):
            raise
        except Exception as error:
            # How a command fares comes as an answer. What is raised is of the helper, of oslo.privsep or of the way
            # between, such as the end of a helper that was killed.
            LOG.debug("The privileged helper has failed", exc_info=True)
            what = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            raise HelperFault(
                f"the privileged helper has failed ({what}); if it stays so, check [masakarimonitors_privileged]"
                " helper_command"
            ) from error

    def _thread(self) -> Pool:
        if self._pool is None:
            self._pool = Pool("privileged")
        return self._pool

    def _configure(self) -> frozenset[int]:
        """Get oslo.privsep ready; the user ids that its helper may have."""
        from masakarimonitors import privsep

        privsep.configure(self._files, self._dirs)
        conf = privsep.monitors_priv.conf
        if why := forbidden(conf.helper_command or "sudo", _of_this_process(), os.geteuid()):
            raise HelperForbidden(why)
        LOG.info("Starting the privileged helper: the first command with run_as_root needs it")
        return frozenset({0, os.geteuid(), _user_id(privsep.monitors_priv.conf.user)})


def forbidden(command: str, status: str, user: int) -> str:
    """Why a helper that `command` starts can never be root; or nothing.

    `status`: what /proc/self/status says; `user`: as whom this process runs. Without new privileges a set-user-id
    program, as sudo is one, runs with none. A helper that is started in another way is left to try.
    """
    if user == 0 or "NoNewPrivs:\t1" not in status.splitlines():
        return ""
    words = shlex.split(command)
    program = shutil.which(words[0]) if words else None
    if program is None or not os.stat(program).st_mode & stat.S_ISUID:
        return ""
    return (
        "this process may gain no rights (NoNewPrivs in /proc/self/status, of NoNewPrivileges= in its unit or of "
        f"allowPrivilegeEscalation in its container), so {program} makes nothing root here, whatever sudoers says. "
        f"Give uid {user} itself the rights that are lacking, such as the group haclient, or take that setting away"
    )


def _of_this_process() -> str:
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="utf-8") as file:
        return file.read()
    return ""


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

    _helper()
    try:
        pid, fault, number = order.start(order.output.place, order.output.word)
    except FailedToDropPrivileges as error:
        raise HelperRefused(
            f"the privileged helper cannot be started ({error}); check [masakarimonitors_privileged]"
            " helper_command and the sudoers rule of the monitor's user"
        ) from error
    except (ImportError, NameError) as error:
        # What oslo.privsep's daemon answers where there is no such function, or none that may be called.
        raise HelperRefused(
            "the privileged helper does not know what it is asked: it belongs to another release than this monitor;"
            " have [masakarimonitors_privileged] helper_command start the privsep-helper that was installed with it"
        ) from error
    return _answered(order, (pid, fault, number))


def _answered(order: _Order, answer: tuple[int, str, int]) -> tuple[int, str, int]:
    pid, fault, number = answer
    order.pid, order.begins = int(pid), number == errno.EINPROGRESS
    if order.abandoned:
        _let_go(order)
    return int(pid), str(fault), int(number)


def _begun(order: _Order) -> tuple[int, str, int]:
    helper = _helper()

    if order.abandoned:  # and let go of meanwhile
        return 0, "nobody waits for it any more", errno.ECANCELED
    return _answered(order, helper.begun(order.output.place))


def _give_up(order: _Order) -> tuple[bool, Mapping[int, int]]:
    helper = _helper()

    order.begins = False
    asked, killed = helper.give_up(order.output.place)
    return bool(asked), {int(victim): int(at) for victim, at in killed}


def _finish(order: _Order, keep: int) -> tuple[int, bytes, bytes]:
    helper = _helper()

    code = -signal.SIGKILL
    if not order.goes_on:
        end, ended_with = helper.finish(order.pid)
        if end == helper.End.UNKNOWN:
            order.pid = 0
            raise HelperFault(
                "the privileged helper was restarted while the command ran: how it ended is not known"
            )
        if end == helper.End.ENDED:
            order.pid, code = 0, int(ended_with)
        # else it hangs in the kernel, killed; nothing more can be done about it
    return (code, *order.output.read(keep))


def _kill(pid: int, spare: Sequence[int]) -> Mapping[int, int]:
    return {int(victim): int(at) for victim, at in _helper().kill(pid, list(spare))}


def _let_go(order: _Order) -> None:
    helper = _helper()

    pid, order.pid = order.pid, 0
    begins, order.begins = order.begins, False
    if begins:
        helper.give_up(order.output.place)
    if pid:
        (helper.leave if order.goes_on else helper.abandon)(pid)
