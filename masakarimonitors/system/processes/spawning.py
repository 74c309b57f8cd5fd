"""Starting a program without a copy of this process: posix_spawn(3), with Python's own lock let go.

A copy of the page tables of a monitor takes milliseconds in which a dead service is not restarted. `subprocess` avoids
it by a vfork during which no thread of Python's runs, for as long as the kernel takes to find and read the program: for
ever, where that lies on storage that does not answer. The C library's posix_spawn does the same beneath Python, so that
the thread that calls waits alone. Where it cannot do all that is asked (a C library without
`posix_spawn_file_actions_addclosefrom_np`: glibc before 2.34, musl), `subprocess` starts the program, by a copy.
"""

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

# spawn.h of glibc.
_SETSIGDEF, _SETSID = 0x04, 0x80
# More than any of its opaque structures has, as numbers of eight bytes each.
_ROOM = 128
_STANDARD = 3
# What Python ignores, and a program that expects the usual must not.
_AS_USUAL = (signal.SIGPIPE, signal.SIGXFSZ)
# Of 32 and 33, with which the C library cancels threads and changes their user. It lets nobody name them, and has a
# program ignore them for its life, and all that it starts, unless they are in that set.
_OF_THREADS = 3 << 31
# By vfork, Python's own lock is held until the kernel has begun to execute the program: a thread would help nobody. The
# documentation of `subprocess` names this switch; what it costs is a copy of our page tables, milliseconds.
subprocess._USE_VFORK = False  # type: ignore[misc]


class Child(Protocol):
    """A process that was started; `returncode` is None until it was collected. subprocess.Popen is one."""

    pid: int
    returncode: int | None

    def wait(self, timeout: float, /) -> int:
        """Collect it: its exit code, or minus the signal that ended it; raises subprocess.TimeoutExpired."""


def get_ready() -> None:
    """Load what `start` needs: what is to be started anew may have died of the very disk with our modules."""
    _library()


def start(
    argv: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: int,
    env: Mapping[str, str] | None,
    cwd: str | None = None,
    umask: int = -1,
) -> Child:
    """Start `argv` in a session of its own, with these three descriptors and no other; `env` None: our environment.

    Blocks until the kernel executes the program. Raises OSError, ValueError as subprocess.Popen.
    """
    library = _library()
    if library is None or cwd is not None or umask != -1 or min(stdin, stdout, stderr) < _STANDARD:
        return subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            umask=umask,
            start_new_session=True,
        )
    environ = os.environ if env is None else env
    words, variables = _words(argv), _variables(environ)
    with _prepared(library, (stdin, stdout, stderr)) as (actions, attributes):
        fault, missing = 0, errno.ENOENT
        for path in _places(argv[0], environ):
            pid = ctypes.c_int()
            failed: int = library.posix_spawn(ctypes.byref(pid), path, actions, attributes, words, variables)
            if not failed:
                return _Spawned(pid.value, argv)
            if failed in (errno.ENOENT, errno.ENOTDIR):
                missing = failed
            elif not fault:
                fault = failed
    fault = fault or missing
    raise OSError(fault, os.strerror(fault), argv[0])


class _Spawned:
    """A child that the C library has started."""

    def __init__(self, pid: int, argv: Sequence[str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._argv = argv

    def wait(self, timeout: float, /) -> int:
        end, pause = time.monotonic() + timeout, 0.0005
        while self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has collected it, and the code is lost
                self.returncode = 0
                break
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() >= end:
                raise subprocess.TimeoutExpired(list(self._argv), timeout)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        return self.returncode


@cache
def _library() -> Any:
    """The C library, if it can close what a program is not to have; None otherwise."""
    library = ctypes.CDLL(None)
    return library if hasattr(library, "posix_spawn_file_actions_addclosefrom_np") else None


@contextlib.contextmanager
def _prepared(library: Any, descriptors: Sequence[int]) -> Any:
    """What is done in the child ahead of the program, and how it is started."""
    actions, attributes, usual = ((ctypes.c_uint64 * _ROOM)() for _ in range(3))
    library.sigemptyset(usual)
    for number in _AS_USUAL:
        library.sigaddset(usual, int(number))
    usual[0] |= _OF_THREADS
    _check(library.posix_spawn_file_actions_init(actions))
    try:
        _check(library.posix_spawnattr_init(attributes))
        try:
            for target, descriptor in enumerate(descriptors):
                _check(library.posix_spawn_file_actions_adddup2(actions, descriptor, target))
            _check(library.posix_spawn_file_actions_addclosefrom_np(actions, _STANDARD))
            _check(library.posix_spawnattr_setsigdefault(attributes, usual))
            _check(library.posix_spawnattr_setflags(attributes, ctypes.c_short(_SETSIGDEF | _SETSID)))
            yield actions, attributes
        finally:
            library.posix_spawnattr_destroy(attributes)
    finally:
        library.posix_spawn_file_actions_destroy(actions)


def _check(failed: int) -> None:
    if failed:
        raise OSError(failed, os.strerror(failed))


def _places(program: str, environ: Mapping[str, str]) -> list[bytes]:
    """The files that `program` may be, in the order in which they are tried; those that are not there are left out."""
    if "/" in program:
        return [os.fsencode(program)]
    places = [os.path.join(folder, program) for folder in os.get_exec_path(environ)]
    return [os.fsencode(place) for place in places if _may_be_there(place)]


def _may_be_there(place: str) -> bool:
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it may not be looked at, say: the kernel tells what is wrong with it
        pass
    return True


def _words(argv: Sequence[str]) -> Any:
    return _array([os.fsencode(word) for word in argv])


def _variables(environ: Mapping[str, str]) -> Any:
    if any("=" in name for name in environ):
        raise ValueError("illegal environment variable name")
    return _array([os.fsencode(f"{name}={value}") for name, value in environ.items()])


def _array(texts: Sequence[bytes]) -> Any:
    if any(b"\0" in text for text in texts):
        raise ValueError("embedded null byte")
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
