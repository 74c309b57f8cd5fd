"""Compatibility: running commands and the like, under the names that third-party host drivers import; ours do not.

In: what such a driver calls on a thread of its own, which may block. Out: what it always got. oslo.concurrency
does the work where it is installed, because a driver that catches its exceptions brings it along.
"""

import contextlib
import functools
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from masakarimonitors import privsep

__all__ = [
    "ProcessExecutionError",
    "execute",
    "monkey_patch",
    "privsep_execute",
    "synchronized",
    "tempdir",
]

P = ParamSpec("P")
T = TypeVar("T")

_locks: dict[str, threading.Lock] = {}


class _OwnExecutionError(Exception):
    """A command has ended with an exit code that was not expected; the fields are those of oslo.concurrency."""

    def __init__(
        self,
        stdout: str | None = None,
        stderr: str | None = None,
        exit_code: int | None = None,
        cmd: str | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(stdout, stderr, exit_code, cmd, description)
        self.stdout, self.stderr, self.exit_code = stdout, stderr, exit_code
        self.cmd, self.description = cmd, description

    def __str__(self) -> str:
        said = self.description or "The command ended as it should not have."
        return f"{said} {self.cmd} gave {self.exit_code}, printed {self.stdout!r}, complained {self.stderr!r}"


def _own_execute(*cmd: Any, **how: Any) -> tuple[Any, Any]:
    """Run `cmd`; (stdout, stderr). Raises OSError when it cannot be started, ProcessExecutionError as above."""
    attempts = max(1, int(how.get("attempts", 1)))
    for left in range(attempts - 1, -1, -1):
        try:
            return _run_once([str(part) for part in cmd], how)
        except (_OwnExecutionError, OSError):
            if not left:
                raise
        if how.get("delay_on_retry", True):
            time.sleep(random.uniform(0.2, 2.0))
    raise AssertionError("the last try returns or raises")


def _run_once(argv: list[str], how: dict[str, Any]) -> tuple[Any, Any]:
    expected = how.get("check_exit_code", [0])
    given = how.get("process_input")
    shown = " ".join(argv)
    try:
        done = subprocess.run(
            shown if how.get("shell") else argv,
            input=given.encode() if isinstance(given, str) else given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            cwd=how.get("cwd"),
            env=how.get("env_variables"),
            shell=bool(how.get("shell")),
            timeout=how.get("timeout"),
            check=False,
        )
    except subprocess.TimeoutExpired as fault:
        raise _OwnExecutionError(exit_code=-9, cmd=shown, description="It did not end in time.") from fault
    out: Any = done.stdout if how.get("binary") else done.stdout.decode(errors="surrogateescape")
    err: Any = done.stderr if how.get("binary") else done.stderr.decode(errors="surrogateescape")
    if expected is False or (expected is True and done.returncode == 0):
        return out, err
    wanted = [expected] if isinstance(expected, int) else list(expected)
    if expected is True or done.returncode not in wanted:
        raise _OwnExecutionError(str(out), str(err), done.returncode, shown)
    return out, err


try:
    from oslo_concurrency.processutils import ProcessExecutionError
    from oslo_concurrency.processutils import execute as _execute
except ImportError:
    ProcessExecutionError, _execute = _OwnExecutionError, _own_execute


@privsep.monitors_priv.entrypoint
def privsep_execute(*cmd: Any, **how: Any) -> tuple[Any, Any]:
    """As `execute`, by the privileged helper ([masakarimonitors_privileged]).

    The one way by which an argument vector reaches root: nobody knows what such drivers need. So it is open only where
    the helper's own configuration names one; PermissionError elsewhere.
    """
    from masakarimonitors.system.privileged.configuration import Refused, third_party_driver

    try:
        may = third_party_driver()
    except Refused as why:
        raise PermissionError(str(why)) from None
    if not may:
        raise PermissionError(
            "the privileged helper runs commands of a third-party host driver only, and its configuration names none:"
            " set [host] monitoring_driver there"
        )
    found: tuple[Any, Any] = _execute(*cmd, **how)
    return found


def execute(*cmd: Any, **how: Any) -> tuple[Any, Any]:
    """Run a command, with `run_as_root=True` by the privileged helper; (stdout, stderr).

    Raises OSError when it cannot be started, ProcessExecutionError for an exit code that was not expected.
    """
    found: tuple[Any, Any] = (privsep_execute if how.get("run_as_root") else _execute)(*cmd, **how)
    return found


@contextlib.contextmanager
def tempdir(**how: Any) -> Iterator[str]:
    """A temporary folder for as long as the block lasts; the arguments are those of tempfile.mkdtemp."""
    folder = tempfile.mkdtemp(**how)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def synchronized(
    name: str, semaphores: object = None, blocking: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Of all functions of one `name` one runs at a time: the others wait, or fail at once without `blocking`."""
    lock = _locks.setdefault(name, threading.Lock())

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def alone(*args: P.args, **kwargs: P.kwargs) -> T:
            if not lock.acquire(blocking=blocking):
                raise RuntimeError(f"{name} is in use, so {function.__name__} cannot run")
            try:
                return function(*args, **kwargs)
            finally:
                lock.release()

        return alone

    return wrap


def monkey_patch() -> None:
    """Nothing is patched: [DEFAULT] monkey_patch has no effect here."""
