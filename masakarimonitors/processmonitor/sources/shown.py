"""What one process shows of itself in /proc, read and reduced to what it runs of the list.

In: a pid, its command line, and what it was found to be at the last look. Out: a `Known`. What of it is read is as
little as tells that, for a file on dead storage does not answer.
"""

import contextlib
import errno
import os
import time
from collections.abc import Collection, Container
from dataclasses import replace

from masakarimonitors.processmonitor.core.recognition.identity import UNNAMEABLE, Identity, identify
from masakarimonitors.processmonitor.core.recognition.matching import Index, Match
from masakarimonitors.processmonitor.core.recognition.pattern import NOBODY_KNOWN, Pattern
from masakarimonitors.processmonitor.core.recognition.place import Place
from masakarimonitors.processmonitor.sources.people import person, place, users
from masakarimonitors.processmonitor.sources.scan import Known
from masakarimonitors.processmonitor.sources.stat import read, read_stat, thread_of

VANISHED = frozenset({errno.ENOENT, errno.ESRCH})
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""This monitor lacks something of its own: nothing can be said of what it looked at."""

# In the middle of an exec a process has no command line, for a fraction of a millisecond or until the kernel lets it
# go on: so many seconds lie between looks.
_EXEC_PAUSES = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016)


class Shown:
    """What processes show; it remembers who has shown nothing for how long."""

    def __init__(self, index: Index, proc: str, settled_after: float) -> None:
        """`settled_after`: who has had no command line for so many seconds is about to become nothing."""
        self._index = index
        self._proc = proc
        self._settled_after = settled_after
        # Since when a process (by pid) that is none of the kernel's has had no command line (monotonic seconds).
        self._blank: dict[int, float] = {}

    def remember_only(self, pids: Container[int]) -> None:
        """Forget all others."""
        self._blank = {pid: since for pid, since in self._blank.items() if pid in pids}

    def look(self, name: str, raw: bytes, before: Known | None) -> Known:
        """What the process of this pid, with this command line, runs; `before`: as it was found at the last look.

        Raises OSError.
        """
        shows = name  # in which folder it shows what it runs
        if not raw:
            if before is not None and not before.raw:
                return before
            shows, raw = self._after_its_exec(name)
            if not raw:
                return Known(raw=b"", exe="", matches=(), at=time.monotonic())
        exe = self._executable(shows)
        same = before is not None and (before.raw, before.exe) == (raw, exe)
        if before is not None and same and not self._has_another_user(name, before):
            return before
        identity = identify(words_of(raw), exe, cwd=lambda: _cwd(f"{self._proc}/{shows}/cwd"))
        matches, user, where = tuple[Match, ...](), 0, Place()
        by_user, but_for_user, but_for_arguments = False, frozenset[str](), frozenset[str]()
        if identity is not None and (candidates := self._index.candidates(identity)):
            # Asked only for those few, for a file on dead storage does not answer.
            folder = f"{self._proc}/{name}"
            file, status = _file(f"{self._proc}/{shows}/exe"), status_of(f"{folder}/status")
            ids = users(status)
            user = ids[1] if ids is not None else 0
            whose, where = person(ids, folder), place(folder, status)
            identity = replace(
                identity,
                file=file if identity.file is None else None,
                user=user if ids is not None else None,
                person=whose.user if whose is not None else None,
                certain=whose is not None and whose.certain,
                unit=where.unit,
                contained=where.contained,
            )
            matches = self._index.match(identity)
            if self._is_unsure(identity, matches):
                matches = self._index.match(replace(identity, script_file=self._script_file(shows, identity)))
            if int(name) == os.getpid():  # we are none of them, but the monitors that we run
                matches = tuple(one for one in matches if one.reason.bundled)
            told = {one.process_name for one in matches}
            others = [one for one in candidates if one.user is not None and one.process_name not in told]
            by_user, but_for_user = bool(others), _but_for_user(identity, others)
            if not matches:
                but_for_arguments = _but_for_arguments(identity, candidates)
        return Known(
            raw=raw,
            exe=exe,
            matches=matches,
            at=time.monotonic(),
            user=user,
            unit=where.unit,
            contained=where.contained,
            by_user=by_user,
            but_for_user=but_for_user,
            but_for_arguments=but_for_arguments,
        )

    def _has_another_user(self, name: str, before: Known) -> bool:
        """Whether it has changed its user since, as who gives up root's rights does and executes nothing."""
        if not before.by_user:
            return False
        ids = users(status_of(f"{self._proc}/{name}/status"))
        return ids is not None and ids[1] != before.user

    def _is_unsure(self, identity: Identity, matches: Collection[Match]) -> bool:
        """Whether its script bears the name of an entry for which its path alone does not tell that it runs that."""
        told = {one.process_name for one in matches if not one.reason.doubt}
        script = os.path.basename(identity.script).lower()
        return bool(script) and any(
            script in one.keys and one.process_name not in told for one in self._index.candidates(identity)
        )

    def _script_file(self, name: str, identity: Identity) -> tuple[int, int] | None:
        """What its script is on disk, as the process sees it; asked only where its path alone told nothing."""
        folder = f"{self._proc}/{name}"
        if identity.relative:
            return _file(f"{folder}/cwd/{identity.relative}")
        return _file(f"{folder}/root{identity.script}")

    def _after_its_exec(self, name: str) -> tuple[str, bytes]:
        """The command line of a process that had none a moment ago, and in which folder it shows that; empty for who
        has none: the kernel's, a zombie. One whose first thread has ended shows it where another one stands.

        OSError when it still has none, unless that has been so for long: it may be about to become anything.
        """
        path = f"{self._proc}/{name}/cmdline"
        for pause in _EXEC_PAUSES:
            stat = read_stat(int(name), self._proc)
            if stat.kernel or stat.ended:
                return name, b""
            if stat.in_others:
                thread = thread_of(int(name), self._proc)
                if not thread:  # all are on their way out
                    raise ProcessLookupError(errno.ESRCH, "none of its threads lives on", path)
                with contextlib.suppress(OSError):
                    if raw := read(f"{self._proc}/{thread}/cmdline"):
                        return thread, raw
            time.sleep(pause)
            if raw := read(path):
                return name, raw
        now = time.monotonic()
        if now - self._blank.setdefault(int(name), now) >= self._settled_after:
            return name, b""
        raise OSError(errno.EBUSY, "it has no command line yet, as in the middle of an exec", path)

    def _executable(self, name: str) -> str:
        try:
            return os.readlink(f"{self._proc}/{name}/exe")
        except OSError as error:
            if error.errno in VANISHED or error.errno in SHORTAGE:
                raise
            # Another user's is hidden from who is not root; a path can be longer than the kernel tells.
            return "" if error.errno in (errno.EACCES, errno.EPERM) else UNNAMEABLE


def _but_for_user(identity: Identity, others: Collection[Pattern]) -> frozenset[str]:
    """Which of these have another user than it, and would be what it runs were it of that one."""
    known = [one for one in others if one.user not in (identity.user, NOBODY_KNOWN)]
    if identity.user is None or not known:
        return frozenset()
    as_any = Index(replace(one, user=None) for one in known)
    return frozenset(one.process_name for one in as_any.match(identity))


def _but_for_arguments(identity: Identity, candidates: Collection[Pattern]) -> frozenset[str]:
    """Of which of these it runs the program, with other arguments than theirs."""
    programs = Index(one.without_arguments for one in candidates)
    found = programs.match(identity)
    return frozenset(one.process_name for one in found if one.reason.strong and not one.reason.doubt)


def words_of(raw: bytes) -> list[str]:
    """A command line, as the kernel shows it, in words; one that is empty where it shows none."""
    return [word for word in os.fsdecode(raw).split("\0") if word] or [""]


def _file(path: str) -> tuple[int, int] | None:
    try:
        there = os.stat(path)
    except OSError:
        return None
    return there.st_dev, there.st_ino


def status_of(path: str) -> bytes:
    """What tells the user ids: the owner of the folder is root's for whoever may not be dumped. Empty when hidden."""
    try:
        return read(path)
    except OSError as error:
        if error.errno in SHORTAGE or error.errno in VANISHED:
            raise
    return b""


def _cwd(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
