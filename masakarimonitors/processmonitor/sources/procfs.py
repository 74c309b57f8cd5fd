"""One look at /proc: which entries of the list run, as what pids.

In: the patterns of the list, and the pids that are held already. Out: a `Scan`. Raw reads of /proc, because they take
2-3 ms for 400 processes where `ps` or psutil take 12-16. What cannot be read is said, never passed over, and a process
that cannot be read touches itself alone.
"""

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from masakarimonitors.processmonitor.core.recognition.identity import DELETED
from masakarimonitors.processmonitor.core.recognition.matching import Index, beside, brief, mentions
from masakarimonitors.processmonitor.sources.kept_open import KeptOpen
from masakarimonitors.processmonitor.sources.people import Person, person, users
from masakarimonitors.processmonitor.sources.scan import Depth, Doubtful, Found, Known, Other, Scan
from masakarimonitors.processmonitor.sources.shown import SHORTAGE, VANISHED, Shown, status_of, words_of
from masakarimonitors.processmonitor.sources.stat import (
    Stat,
    is_rewritten,
    read,
    read_stat,
    thread_of,
    what_runs,
)
from masakarimonitors.system.processes.limits import allowed_descriptors

# Who looks at a text that stands in his command line, and is not what it names.
_ONLOOKERS = frozenset(
    {
        "tail",
        "less",
        "more",
        "cat",
        "grep",
        "vi",
        "vim",
        "vim.basic",
        "vim.tiny",
        "nano",
        "emacs",
        "view",
        "watch",
    }
    | {
        "journalctl",
        "systemctl",
        "strace",
        "gdb",
        "pgrep",
        "pkill",
        "rg",
        "sed",
        "awk",
        "mawk",
        "gawk",
        "scp",
        "rsync",
    }
)

# By TURNS, whose files need not be read has them read in one scan of so many.
_TURNS = 6


@dataclass(frozen=True, slots=True)
class _Told:
    """What was found to run, each with its process_name, in a process that `what_runs` shows to be so."""

    shown: tuple[bytes, ...]
    found: tuple[tuple[Found, str], ...]


class Scanner:
    """Remembers what each command line was found to be, so that a scan mostly only reads.

    `reading`: the pid whose files are being read. `avoid`: pids whose files did not answer before.
    """

    def __init__(
        self,
        index: Index,
        avoid: frozenset[int] = frozenset(),
        *,
        proc: str = "/proc",
        settled_after: float = 30.0,
        descriptors: Callable[[], int] = allowed_descriptors,
    ) -> None:
        """`settled_after`: a process that has been something else for so many seconds is settled.

        Such a one is not about to become a listed one, for start scripts that end in an exec take seconds:
        a scan at a death passes it over. `descriptors`: how many this process may have open; a few are kept so.
        """
        self.index = index
        self.avoid = avoid
        self.reading = 0
        self._proc = proc
        self._settled_after = settled_after
        self._known: dict[int, Known] = {}
        self._command_lines = KeptOpen("cmdline", descriptors)
        # Of those alone that are sure: their command lines may be titles, which change all the time.
        self._stats = KeptOpen("stat", descriptors)
        self._lines: tuple[object, Sequence[tuple[int, str, str]]] = (None, ())
        self._settled: frozenset[str] = frozenset()
        # Of each process that was found at the last scan, what told it from any that executes something else.
        self._told: dict[int, _Told] = {}
        # What the last scan has found, which the next one gives again where nothing has changed; and whether that is
        # what stands in `_told`, and nothing else.
        self._found: Mapping[str, tuple[Found, ...]] = {}
        self._found_as_told = True
        self._turn = 0
        # What the process of a pid shows.
        self._of = Shown(index, proc, settled_after)

    def scan(
        self,
        own_commands: Collection[int] = (),
        depth: Depth = Depth.FRESH,
        held: Mapping[int, Collection[str]] | None = None,
        sure: Collection[int] = (),
    ) -> Scan:
        """Everything that runs now, but us and the commands (by pid) that we are running.

        `held`: for each pid that is held, the process_names that it was found to run. `sure`: those of them whose end
        would be known, and who were not seen as anything else.
        """
        try:
            here = os.open(self._proc, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            return self._unread(error)
        try:
            return self._scan(here, own_commands, depth, held or {}, sure)
        finally:
            os.close(here)

    def let_go(self) -> None:
        """Keep no file open any more, for whoever is left inside of a look that hangs; on any thread."""
        self._command_lines.let_go()
        self._stats.let_go()

    def _unread(self, error: OSError) -> Scan:
        return Scan(
            {}, self._short(error) or f"{self._where(error)}: {error.strerror} (is it mounted with hidepid?)"
        )

    def _short(self, error: OSError) -> str:
        """What a shortage of our own means; "" for another error."""
        if error.errno not in SHORTAGE:
            return ""
        return f"{self._where(error)}: {error.strerror}: this monitor lacks it itself"

    def _where(self, error: OSError) -> str:
        return os.path.join(self._proc, error.filename or "").rstrip("/")

    def _scan(
        self,
        here: int,
        own_commands: Collection[int],
        depth: Depth,
        held: Mapping[int, Collection[str]],
        sure: Collection[int],
    ) -> Scan:
        """`here`: a descriptor of /proc. From there each of very many files is found a little faster."""
        known = self._known
        partial = depth is Depth.SUCCESSORS
        seen: dict[int, Known] = dict(known) if partial else {}
        found: dict[str, list[Found]] = {}
        unseen: dict[int, str] = {}
        others: dict[int, Other] = {}
        doubtful: dict[str, list[Doubtful]] = {}
        added = False

        def as_told(pid: int, now: Known, told: _Told) -> None:
            seen[pid], self._told[pid] = now, told

        def runs_as_told(pid: int, now: Known, told: _Told | None) -> bool:
            """It has executed nothing since it was told what it runs: each exec has the kernel put it elsewhere in
            memory."""
            if told is None or what_runs(self._stats.read(pid, here)) != told.shown:
                return False
            as_told(pid, now, told)
            return True

        try:
            listed = set(os.listdir(self._proc)) - (self._settled if partial else frozenset())
            read(f"{self._proc}/1/stat")
        except OSError as error:
            return self._unread(error)
        before, self._told = self._told, {}
        # A look that is cut short leaves nothing that the next one could go by.
        whole, self._found_as_told = self._found_as_told, False
        self._turn = (self._turn + 1) % _TURNS
        for name in self._whom(listed, again=depth is Depth.FRESH):
            if not name.isdigit() or (pid := int(name)) in self.avoid:
                continue
            self.reading = pid
            now = known.get(pid)
            try:
                if partial and pid in sure and not own_commands and now is not None and pid in before:
                    # No successor, and whoever acts on this look looks afresh first.
                    as_told(pid, now, before[pid])
                    continue
                if depth is Depth.TURNS and pid % _TURNS != self._turn and now is not None:
                    if name in self._settled:
                        seen[pid] = now
                        continue
                    if pid in sure and runs_as_told(pid, now, before.get(pid)):
                        continue
                was = now
                raw = self._command_lines.read(
                    pid, here, before=None if was is None else was.raw, keep=was is not None
                )
                if now is None or now.raw != raw or not partial:
                    now = self._of.look(name, raw, was)
                seen[pid] = now
                told = before.get(pid) if now is was and pid in sure and not own_commands else None
                if now.matches and not runs_as_told(pid, now, told):
                    added = self._add(found, doubtful, pid, now, own_commands) or added
                if pid in held and raw:
                    self._compare(others, pid, held[pid], now)
            except OSError as error:
                if why := self._short(error):
                    return Scan({}, why)
                if error.errno not in VANISHED:
                    unseen[pid] = f"{self._where(error)}: {error.strerror}"
        self.reading = 0
        if added or not whole or len(self._told) < len(before):
            for pid, told in self._told.items():
                if told is before.get(pid):
                    for one, process_name in told.found:
                        found.setdefault(process_name, []).append(one)
            self._pass_over_containers(found, doubtful)
            self._found = {name: tuple(pids) for name, pids in found.items()}
            whole = not doubtful and sum(map(len, found.values())) == sum(
                len(told.found) for told in self._told.values()
            )
        self._found_as_told = whole
        self._known = seen
        self._command_lines.keep_only(seen)
        self._stats.keep_only(self._told)
        self._of.remember_only(unseen)
        if not partial:
            long_ago = time.monotonic() - self._settled_after
            self._settled = frozenset(
                str(pid) for pid, one in seen.items() if not one.matches and one.at < long_ago
            )
        return Scan(
            self._found,
            "",
            unseen,
            others,
            doubtful=doubtful,
        )

    def _whom(self, listed: Collection[str], *, again: bool) -> Iterator[str]:
        """Those listed, and whoever has begun while these were read: a command may be run upon this look, beside what
        somebody else has just started."""
        yield from listed
        if again:
            with contextlib.suppress(OSError):
                yield from set(os.listdir(self._proc)).difference(listed)

    def mention(
        self, process_name: str, own_commands: Collection[int] = (), *, of_the_host: bool = False
    ) -> str:
        """Who shows this text in its command line without being it, at the last scan; "" for nobody.

        `of_the_host`: what is a person's for certain is passed over.
        """
        entry = next((one for one in self.index.patterns if one.process_name == process_name), None)
        for pid, words, exe in self._shown():
            # Another user's, of an entry with a user, may call itself by the name alone.
            runs = entry is not None and entry.user is not None and exe in (entry.process_name, entry.target)
            if not (runs or mentions(process_name, words, entry is not None and entry.stands)):
                continue
            try:
                stat = read_stat(pid, self._proc)
            except OSError:
                continue
            whose = self._person(str(pid)) if of_the_host else None
            if whose is not None and whose.certain:
                continue
            if not stat.ended and not (own_commands and self._is_ours(pid, stat, own_commands)):
                return f'pid {pid} shows "{brief(words)}"'
        return ""

    def _shown(self) -> Sequence[tuple[int, str, str]]:
        """Every command line of the last scan with its executable, but ours and those of onlookers."""
        if self._lines[0] is not self._known:
            lines = []
            for pid, one in self._known.items():
                words = words_of(one.raw)
                named = {os.path.basename(one.exe), os.path.basename(words[0])}
                if one.raw and pid != os.getpid() and not named & _ONLOOKERS:
                    lines.append((pid, " ".join(words), one.exe.removesuffix(DELETED)))
            self._lines = (self._known, lines)
        return self._lines[1]

    def _person(self, name: str) -> Person | None:
        return person(users(status_of(f"{self._proc}/{name}/status")), f"{self._proc}/{name}")

    def _add(
        self,
        found: dict[str, list[Found]],
        doubtful: dict[str, list[Doubtful]],
        pid: int,
        now: Known,
        own_commands: Collection[int],
    ) -> bool:
        """Whether it is any of them, for sure or not."""
        stat = read_stat(pid, self._proc)
        if stat.ended or (own_commands and self._is_ours(pid, stat, own_commands)):
            return False
        if stat.in_others and (thread := thread_of(pid, self._proc)):
            places = read_stat(int(os.path.basename(thread)), f"{self._proc}/{os.path.dirname(thread)}")
            stat = replace(stat, marks=places.marks)
        told = []
        for match in now.matches:
            if match.reason.doubt:
                doubtful.setdefault(match.process_name, []).append(Doubtful(pid, stat.started, match.reason))
                continue
            one = Found(
                pid,
                stat.started,
                match.reason,
                stat.marks,
                parent=stat.parent,
                user=now.user,
                unit=now.unit,
                contained=now.contained,
            )
            found.setdefault(match.process_name, []).append(one)
            told.append((one, match.process_name))
        # Whose places are hidden may have executed anything.
        if stat.marks and len(told) == len(now.matches):
            shown = tuple(b"%d" % number for number in (stat.parent, stat.started, *stat.marks))
            self._told[pid] = _Told(shown, tuple(told))
        return True

    def _pass_over_containers(
        self, found: dict[str, list[Found]], doubtful: dict[str, list[Doubtful]]
    ) -> None:
        """Of an entry that was never seen before the host's own are the service, where there are any: what runs in a
        container beside them would hide their end."""
        for pattern in self.index.patterns:
            several = found.get(pattern.process_name, ())
            if len(several) < 2 or pattern.known.units or pattern.user is not None:
                continue
            contained = any(one.contained for one in several)
            if contained and any(one.reason.strong and not one.contained for one in several):
                found[pattern.process_name] = [one for one in several if not one.contained]
                doubtful.setdefault(pattern.process_name, []).extend(
                    Doubtful(one.pid, one.started, beside(one.reason)) for one in several if one.contained
                )

    def _compare(self, others: dict[int, Other], pid: int, names: Collection[str], now: Known) -> None:
        if not set(names) <= {match.process_name for match in now.matches}:
            stat = read_stat(pid, self._proc)
            looks = brief(" ".join(words_of(now.raw)))
            others[pid] = Other(
                started=stat.started,
                marks=stat.marks,
                looks=looks,
                titled=is_rewritten(now.raw),
                excluded=now.but_for_user & frozenset(names),
                same=now.but_for_arguments & frozenset(names),
            )

    def _is_ours(self, pid: int, stat: Stat, own_commands: Collection[int]) -> bool:
        """Whether it is one of our running commands, of its session, or below it."""
        for _generation in range(32):
            if pid in own_commands or stat.session in own_commands:
                return True
            pid = stat.parent
            if pid <= 1:
                return False
            try:
                stat = read_stat(pid, self._proc)
            except OSError:
                return False
        return False
