"""The helper's half of running a command as root: what oslo.privsep executes in its root process.

No argument vector comes in here. What may be run is made in root's process itself, by the entry points called `start`
of those who have something to run (`processmonitor/privileged.py`, `hostmonitor/drivers/pacemaker/privileged.py`): from
the list that root alone can write, or from a closed table. They give it to `launch`, which starts it on a thread of its
own, because its program may lie on storage that does not answer; what follows is the same for all, in short calls, so
that fifty commands at once never wait for the helper's few threads: has it `begun` by now, `give_up` one that has not,
`finish` it (how did it end), `kill` it, `leave` it alone, or `abandon` one of which nobody wants to hear any more. The
monitor itself waits, on a pidfd of the helper's child, and reads what the command has printed from the files that were
handed over to it (handover.py). Nothing is raised from here: oslo.privsep logs exceptions with their values. Imported
by the monitor only when first needed. The privileged context stands in `masakarimonitors.privsep`, a name that deployed
sudoers rules contain.
"""

import errno
import logging
import os
import re
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.privileged.configuration import Refused, RefusedForNow
from masakarimonitors.system.privileged.handover import hand_over
from masakarimonitors.system.processes.command import (
    OUTPUT_LIMIT,
    Launched,
    clean_environment,
    kill_tree,
    tree,
)
from masakarimonitors.system.processes.launching import Stdout, most_left_open
from masakarimonitors.system.processes.process_tree import still_alive

LOG = logging.getLogger(__name__)

Started = tuple[int, str, int]
"""The command's pid; or 0, what is wrong in words, and the same as an errno (0: none). EINPROGRESS: ask `begun`."""


class End(StrEnum):
    """What `finish` knows of a command. UNKNOWN: another helper has started it, or it was finished before."""

    ENDED = "ended"
    RUNNING = "running"
    UNKNOWN = "unknown"


_PLACE = re.compile(r"masakari-monitors-[0-9a-f]{32}\Z")
_WORD = re.compile(r"[0-9a-f]{32}\Z")

_UMASK = 0o022
"""oslo.privsep gives its helper 0, and what a command then makes, all may write."""

_ANSWER_WITHIN = 0.2
"""Seconds for which a call waits for a command's start, which takes milliseconds; less where others wait too."""

_MOST_HANG = 32
"""So many starts may hang here, given up, before a further one is refused: each keeps a thread."""

_LOOK_EVERY = 0.5
"""Seconds from one look at what the commands have written to the next."""

_lock = threading.Lock()
"""oslo.privsep makes calls side by side. Held as well while anything of `Launched` is trimmed or closed."""

_running: dict[int, Launched] = {}
_unasked: list[Launched] = []
"""Commands that still run and that nobody will ask for: left alone, or killed in vain, for they hang in the kernel."""

_left_open: list[Launched] = []
"""Commands that have ended and whose output some daemon of theirs may still write to, the oldest first."""

_keeper: list[threading.Thread] = []
"""The thread that keeps their output small, if there is anything to keep."""


class _NotTakenError(Exception):
    """The monitor has not taken the command's output, so the command was not started."""


class _Start:
    """The start of one command, by a thread of its own."""

    def __init__(self, argv_of: Callable[[], Sequence[str]], place: str, word: str, keep: int) -> None:
        self.stdout = Stdout()
        self.settled = threading.Event()
        self.answer: Started = (0, "", errno.EINPROGRESS)
        self.given_up = False  # touched, as `answer` is, under the lock
        self._wanted = (argv_of, place, word, keep)

    def work(self) -> None:
        argv_of, place, word, keep = self._wanted
        launched, answer = self._attempt(argv_of, place, word, keep)
        with _lock:
            self.answer = answer
            given_up = self.given_up
            if given_up:
                _starts.pop(place, None)
            if launched is not None:
                if given_up:
                    _unasked.append(launched)
                else:
                    _running[launched.pid] = launched
                if not _keeper:
                    _begin_to_keep()
        if given_up and launched is not None:
            _killed(launched)
        self.stdout.close()
        self.settled.set()

    def _attempt(
        self, argv_of: Callable[[], Sequence[str]], place: str, word: str, keep: int
    ) -> tuple[Launched | None, Started]:
        try:
            launched = self._launch(argv_of(), place, word, keep)
            return launched, (launched.pid, "", 0)
        except RefusedForNow as why:
            return None, (0, str(why), errno.EAGAIN)
        except Refused as why:
            return None, (0, str(why), 0)
        except _NotTakenError as fault:
            number = fault.args[0] or 0
            return None, (0, f"its output could not be handed over: {os.strerror(number)}", number)
        except OSError as error:
            # Not str(error): it names the program, and where a list says PASSWORD=x program, that is the password.
            number = error.errno or 0
            return None, (0, os.strerror(number), number)
        except Exception as error:  # noqa: BLE001 - oslo.privsep would log it with all that it holds
            return None, (0, f"the privileged helper failed ({type(error).__name__})", 0)

    def _launch(self, argv: Sequence[str], place: str, word: str, keep: int) -> Launched:
        def before(outputs: list[int]) -> None:
            self.stdout.keep(outputs)
            try:
                hand_over(place, word, outputs)
            except OSError as error:
                raise _NotTakenError(error.errno) from None

        environment = clean_environment(os.environ)
        return Launched(argv, environment, "/", keep, umask=_UMASK, before=before)


_starts: dict[str, _Start] = {}
"""What was asked for and whose answer nobody has taken yet, by the place of its output; and what hangs, given up."""


def launch(argv_of: Callable[[], Sequence[str]], place: str, word: str, keep: int = OUTPUT_LIMIT) -> Started:
    """Hand over the output of what `argv_of` gives (or Refused), and start it. For entry points; raises nothing.

    The pid stays taken until `finish`, `leave` or `abandon`. `keep`: bytes of each of stdout and stderr. `argv_of` is
    called on the command's own thread. A refusal that holds for now alone has the number EAGAIN.
    """
    if not (isinstance(place, str) and isinstance(word, str) and _PLACE.match(place) and _WORD.match(word)):
        return (
            0,
            "the monitor does not say where it takes the output: it is of another release; restart it",
            errno.EAGAIN,
        )
    start = _Start(argv_of, place, word, keep)
    with _lock:
        if sum(one.given_up for one in _starts.values()) >= _MOST_HANG:
            return (
                0,
                f"{_MOST_HANG} earlier commands hang at their start in the privileged helper: a disk does not answer",
                errno.EAGAIN,
            )
        if place in _starts:
            return 0, "the monitor has taken another command's output there", 0
        _starts[place] = start
        within = _ANSWER_WITHIN / len(_starts)
    try:
        threading.Thread(target=start.work, name="start", daemon=True).start()
    except RuntimeError:
        with _lock:
            _starts.pop(place, None)
        return 0, "the privileged helper can start no further thread", errno.EAGAIN
    return _begun(place, within)


def _begun(place: str, within: float) -> Started:
    with _lock:
        start = _starts.get(place)
    if start is None:
        return 0, "the privileged helper was restarted while the command began", errno.EAGAIN
    if not start.settled.wait(within):
        return 0, "", errno.EINPROGRESS
    with _lock:
        _starts.pop(place, None)
    return start.answer


@monitors_priv.entrypoint
def begun(place: str) -> Started:
    """What has become of a start that was not over when it was asked for, by the place of its output."""
    return _begun(place, 0.0)


@monitors_priv.entrypoint
def give_up(place: str) -> tuple[bool, list[tuple[int, int]]]:
    """Do not start it any more; what of it is there is killed, and is ended when it begins nevertheless.

    Whether its program was all that it waited for; and whom it has killed, with their start times.
    """
    with _lock:
        start = _starts.get(place)
        if start is None:
            return False, []
        start.given_up = True
        pid, *_ = start.answer
        launched = _running.pop(pid, None) if pid else None
        if start.answer[2] != errno.EINPROGRESS:
            _starts.pop(place, None)
        if launched is not None:
            _unasked.append(launched)
    if launched is not None:
        return True, list(_killed(launched).items())
    return start.stdout.asked, list(start.stdout.kill(_kill_begun).items())


def _kill_begun(pid: int) -> Mapping[int, int]:
    return _kill(pid, ())


def _begin_to_keep() -> None:
    _keeper.append(threading.Thread(target=_keep, name="output", daemon=True))
    try:
        _keeper[0].start()
    except RuntimeError:  # no thread can be had: the next command tries again; until then, output only grows
        _keeper.clear()


@monitors_priv.entrypoint
def start(argv: Sequence[str], place: str, word: str) -> Started:
    """What monitors of earlier releases ask for, which run on when the package is upgraded under them: refused."""
    return (
        0,
        "the monitor runs an earlier release than its privileged helper, which takes no commands: restart it",
        errno.EAGAIN,
    )


@monitors_priv.entrypoint
def finish(pid: int) -> tuple[str, int]:
    """How a command has ended, as an `End`, and its exit code if it has.

    Never what it has printed: oslo.privsep logs what is returned here when `debug` is set.
    """
    with _lock:
        launched = _running.get(pid)
    if launched is None:
        return End.UNKNOWN.value, 0
    try:
        code = launched.reap()
    except subprocess.TimeoutExpired:
        return End.RUNNING.value, 0
    with _lock:
        if _running.get(pid) is launched:  # once it is reaped, its pid may be that of a new command
            del _running[pid]
        _left_open.append(launched)
        _sweep()
    return End.ENDED.value, code


@monitors_priv.entrypoint
def kill(pid: int, spare: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Kill the command and all that it started, but `spare` and what is below those; whom, with their start times."""
    with _lock:
        launched = _running.get(pid)
    return [] if launched is None else list(_killed(launched, tuple(spare)).items())


@monitors_priv.entrypoint
def leave(pid: int) -> None:
    """Let the command go on; nothing of it is kept once it has ended."""
    with _lock:
        launched = _running.pop(pid, None)
        if launched is not None:
            _unasked.append(launched)


@monitors_priv.entrypoint
def abandon(pid: int) -> None:
    """Kill the command, and let go of all that is kept for it, now or as soon as it has ended."""
    with _lock:
        launched = _running.pop(pid, None)
    if launched is None:
        return
    _killed(launched)
    with _lock:
        _unasked.append(launched)
        _sweep()


def _killed(launched: Launched, spare: Collection[int] = ()) -> Mapping[int, int]:
    try:
        return launched.kill(_kill, spare=spare)
    except OSError:  # short of something: who runs on is seen by whoever asked
        return {}


def _kill(pid: int, spare: Collection[int]) -> Mapping[int, int]:
    victims = kill_tree(pid, spare)
    # The helper itself has no capabilities (not even to kill a child that changed its user), but what
    # root executes has.
    rest = [str(one) for one in tree(pid, spare) | set(still_alive(victims))]
    if rest:
        _kill_as_root(rest)
    return victims


def _kill_as_root(pids: Sequence[str]) -> None:
    try:
        subprocess.run(
            ["/bin/sh", "-c", 'kill -KILL "$@"', "sh", *pids],
            check=False,
            stderr=subprocess.DEVNULL,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # likewise


def _keep() -> None:
    """As long as there is anything to keep: drop output that is too much, reap what has ended, close what is done."""
    pause = threading.Event()
    while True:
        with _lock:
            for launched in (*_running.values(), *_unasked):
                launched.trim()
            _sweep()
            if not (_running or _unasked or _left_open):
                _keeper.clear()
                return
        pause.wait(_LOOK_EVERY)


def _sweep() -> None:
    """Reap what has ended meanwhile, and close what nobody writes to any more, or what there is too much of."""
    for launched in [one for one in _unasked if one.has_ended()]:
        try:
            launched.reap()
        except subprocess.TimeoutExpired:
            continue
        _unasked.remove(launched)
        _left_open.append(launched)
    _left_open[:] = [one for one in _left_open if one.let_go()]
    while len(_left_open) > most_left_open():
        oldest = _left_open.pop(0)
        oldest.forget()
        LOG.warning(
            "What %d commands that root has run have left behind keeps their output open. That of the oldest (pid %d) "
            "is not kept small any more: have such commands redirect the output of what they leave",
            len(_left_open) + 1,
            oldest.pid,
        )
