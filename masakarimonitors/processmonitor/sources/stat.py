"""/proc/PID/stat, and what it tells of one process without the risk of hanging.

Other files of a process that hangs in the kernel can hang the reader as well; this one and `comm` never do.
"""

import contextlib
import datetime
import os
import time
from dataclasses import dataclass

from masakarimonitors.processmonitor.core.recognition.identity import is_interpreter

DEAD = frozenset({b"Z", b"X", b"x"})

Marks = tuple[int, ...]
"""Where the kernel has put a program's code and stack: another place after each exec. Empty when hidden."""

# PF_KTHREAD and PF_EXITING of include/linux/sched.h.
_KERNEL_THREAD, _EXITING = 0x00200000, 0x00000004
# A command line longer than this is cut; what a process runs stands at its beginning.
_LONGEST = 4096
_HOSTS_PID_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """What is needed of proc_pid_stat(5); `started` in clock ticks since boot, `kernel`: a thread of the kernel's;
    `exiting`: it is on its way out, and executes nothing any more.
    """

    state: bytes
    parent: int
    session: int
    threads: int
    started: int
    marks: Marks
    kernel: bool = False
    exiting: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more: neither its first thread, of which this tells, nor others."""
        return self.state in DEAD and not self.in_others

    @property
    def in_others(self) -> bool:
        """Whether its first thread has ended before others: it runs, and has neither command line nor executable."""
        return self.state == b"Z" and self.threads > 1


def read_stat(pid: int, proc: str = "/proc") -> Stat:
    """The state of this process; OSError when there is none."""
    fields = read(f"{proc}/{pid}/stat").rpartition(b")")[2].split(None, 26)
    return Stat(
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        threads=int(fields[17]),
        started=int(fields[19]),
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
        exiting=bool(int(fields[6]) & _EXITING),
        # To who may not trace it the kernel shows 1, 1 and 0, of whatever program: no program's stack is at 0.
        marks=tuple(map(int, fields[23:26])) if int(fields[25]) else (),
    )


def what_runs(stat: bytes) -> tuple[bytes, ...] | None:
    """What is another after each exec, and for each process: parent, start time and marks as its `stat` has them.

    None of one that is dead. Not a `Stat`, for it is asked of very many.
    """
    fields = stat.rpartition(b")")[2].split(None, 26)
    return None if fields[0] in DEAD else (fields[1], fields[19], *fields[23:26])


def is_rewritten(raw: bytes) -> bool:
    """Whether a process has written this command line itself, as a title: none looks so after an exec.

    A title is one piece, and what the old command line was longer by is left behind it as NULs, or nothing ends it.
    """
    if len(raw) >= _LONGEST:
        return False
    text = raw.rstrip(b"\0")
    return len(raw) - len(text) != 1 or (b" " in text and b"\0" not in text)


def read(path: str) -> bytes:
    """The beginning of a file of /proc."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, _LONGEST)
    finally:
        os.close(fd)


def thread_of(pid: int, proc: str = "/proc") -> str:
    """Where below `proc` a thread stands that lives on after the first one; "" for none, OSError for no process."""
    looked = {str(pid)}
    # A thread may begin another one and end before it is looked at: none lives on where nobody has joined meanwhile.
    while fresh := set(os.listdir(f"{proc}/{pid}/task")) - looked:
        for tid in fresh:
            with contextlib.suppress(OSError):
                stat = read_stat(int(tid), f"{proc}/{pid}/task")
                if not (stat.state in DEAD or stat.exiting):
                    return f"{pid}/task/{tid}"
        looked |= fresh
    return ""


def is_same(pid: int, started: int) -> bool:
    """Whether `pid` still is the process that began at `started`, be it a zombie."""
    try:
        return read_stat(pid).started == started
    except OSError:
        return False


def is_alive(pid: int, started: int) -> bool:
    """Whether this very process runs, be it in its threads alone.

    When its first thread has ended before the others, /proc shows it as a zombie without a command line, and its
    pidfd stays silent.
    """
    try:
        stat = read_stat(pid)
    except OSError:
        return False
    return stat.started == started and not stat.ended


def may_run(pid: int, process_name: str) -> bool:
    """Whether a process that cannot be read may be this one, by its short name: /proc tells that of any.

    An interpreter may run any script.
    """
    try:
        short = os.fsdecode(read(f"/proc/{pid}/comm")).rstrip("\n")
    except OSError:
        return False
    return is_interpreter(short) or short in {os.path.basename(word)[:15] for word in process_name.split()}


def ticks_now() -> int:
    """This moment in the unit of `Stat.started`."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def tick_of(moment: datetime.datetime, now: datetime.datetime) -> int:
    """A moment of this boot in the unit of `Stat.started`, from the time of day `now`; never later than that."""
    ago = max((now - moment).total_seconds(), 0.0)
    return ticks_now() - int(ago * os.sysconf("SC_CLK_TCK"))


def sees_the_host() -> str:
    """Why the processes of the host cannot be seen from here, "" when they can: a pid namespace of one's own."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError as error:
        return f"/proc/self/ns/pid: {error.strerror}"
    if namespace == _HOSTS_PID_NAMESPACE:
        return ""
    return (
        f"this monitor stands in a pid namespace of its own ({namespace}), as in a container without --pid=host:"
        " it cannot see the host's processes"
    )
