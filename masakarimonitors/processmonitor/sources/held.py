"""The table of held processes: which rows there are, and what makes one leave. It reads nothing itself.

    (not in the table) ──found by a scan──> HELD ──its pidfd fires──> left: "ended"
                                            │  ^
              shows another executable once │  │ shows itself again
                                            v  │
                                          DOUBTED ──shows another one >= 0.1 s later──> left: "has become ..."

A changed title, a moment without any command line and a look that missed it mean nothing. What could not be given a
pidfd (there may be thousands) leaves when it is no longer in /proc.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.processmonitor.core.recognition.matching import Reason
from masakarimonitors.processmonitor.sources.scan import Found, Other, Scan
from masakarimonitors.processmonitor.sources.stat import Marks

Key = tuple[int, int]
"""Process id and start time: together they name one process, whoever gets the id next."""

APART = 0.1
"""Seconds between two looks that show the same other executable: an exec is over by then."""

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One process that was found to run something of the list.

    `reasons`: for each process_name that it runs, why; `doubted`: since when (monotonic seconds) it has looked like
    something else. `marks`: where its program stood in memory when it was found. `child`: its parent ran the same,
    `parent`: that one's pid at the time. `left_over`: of these it was begun by a worker or session of a dead server.
    `pidfd`: whether there is one, whose firing is its end. `given`: the entries that were given another user since it
    was last seen to be of theirs: whom that excludes is held for what counts no more.
    """

    pid: int
    started: int
    marks: Marks
    reasons: Mapping[str, Reason]
    child: bool = False
    parent: int = 0
    left_over: frozenset[str] = frozenset()
    pidfd: bool = False
    given: frozenset[str] = frozenset()
    doubted: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """By which it is found in the table."""
        return self.pid, self.started


class Table:
    """The rows, and for each entry what is left of it."""

    def __init__(self, alive: Callable[[int, int], bool], ticks_now: Callable[[], int]) -> None:
        """`alive`: whether the process of this id and start time runs; `ticks_now`: this moment as a start time."""
        self.rows: dict[Key, Held] = {}
        # What of() has found since the last change, and by which rows.
        self._by_name: dict[str, list[Held]] | None = None
        self._counted: dict[str, list[Held]] = {}
        self._recounted = False
        # Whether the last scan has shown each row as all that it was found to run.
        self._all_shown = False
        self._alive = alive
        self._ticks_now = ticks_now
        self._left: dict[str, list[str]] = {}
        # Since the last scan was taken in: what it began may be found by the next one.
        self._just_ended: list[Held] = []
        # When the last scan was taken in, and when the last strong process of an entry was seen to end.
        self._taken_at = 0
        self._ended_at: dict[str, int] = {}
        # Since when no process of an entry is left that is strong; -1 while there is one; absent: there was none yet.
        # Of those that are weak only the later ones count then: a session of a dead server is not the server.
        self._strong_gone: dict[str, int] = {}

    def was_down(self, process_name: str, tick: int) -> None:
        """An earlier life saw all of it gone at this start time: what is weak and began before is left over."""
        if tick > 0:
            self._strong_gone.setdefault(process_name, tick)

    def keep_only(self, process_names: frozenset[str]) -> None:
        """Forget all that runs nothing of these."""
        for key, row in list(self.rows.items()):
            self._put(key, row, {name: why for name, why in row.reasons.items() if name in process_names})
        self._changed()
        for name in (self._left.keys() | self._strong_gone.keys()) - process_names:
            self._left.pop(name, None)
            self._strong_gone.pop(name, None)
            self._ended_at.pop(name, None)

    def other_user(self, process_names: frozenset[str]) -> None:
        """These have been given another user since their rows were found."""
        for key, row in self.rows.items():
            if names := row.reasons.keys() & process_names:
                self.rows[key] = replace(row, given=row.given | names)
        self._changed()

    def fired(self, key: Key) -> None:
        """Its pidfd has fired: it has ended."""
        row = self.rows.pop(key, None)
        self._changed()
        if row is not None:
            self._just_ended.append(row)
            self._ended_at |= dict.fromkeys(
                (name for name, why in row.reasons.items() if why.strong), self._ticks_now()
            )
            self._note(row, row.reasons, "ended")

    def hold(self, key: Key, pidfd: bool) -> None:
        """Whether there is a pidfd of this row."""
        self.rows[key] = replace(self.rows[key], pidfd=pidfd)
        self._changed()

    def take(self, scan: Scan, now: float, ended: frozenset[Key]) -> bool:
        """What a scan that began at monotonic second `now` has shown; `ended`: who has ended, be it after that.

        False: all is as it was when the last scan was taken in.
        """
        before = dict(self.rows)
        last_seen, self._taken_at = self._taken_at, self._ticks_now()
        present: dict[Key, dict[str, Found]] = {}
        for name, several in scan.found.items():
            for one in several:
                present.setdefault((one.pid, one.started), {})[name] = one
        runs: dict[int, set[str]] = {}
        if present.keys() - self.rows.keys():  # whose children are they?
            runs = {row.pid: set(row.reasons) for row in self.rows.values()}
            for (pid, _started), shown in present.items():
                runs.setdefault(pid, set()).update(shown)
        for key, shown in present.items():
            if key not in ended:
                self._seen(key, shown, runs)
        self._all_shown = True
        for key, row in list(self.rows.items()):
            missing = row.reasons.keys() - present.get(key, {}).keys()
            if missing or row.doubted or row.given:
                self._all_shown = False
            if missing:
                self._missed(key, row, frozenset(missing), scan.others.get(row.pid), now)
        if self._recounted and self.rows == before:
            return False
        self._changed()
        self._count_strong(last_seen)
        self._pass_on_what_is_left_over()
        self._recounted = True
        for name in [name for name in self._left if self.of(name)]:
            del self._left[name]
        return True

    def passes_over(self, ended: Collection[Key]) -> bool:
        """Take in a scan that has shown the very same as the last one, if no row can be another by that; else False."""
        if ended or not (self._recounted and self._all_shown):
            return False
        self._taken_at = self._ticks_now()
        return True

    def of(self, process_name: str) -> list[Held]:
        """Who counts as running it now, strong ones first, then the oldest."""
        if process_name in self._counted:
            return self._counted[process_name]
        rows = self._all_of(process_name)
        since = self._strong_gone.get(process_name, 0)
        if since > 0 and not any(row.reasons[process_name].strong for row in rows):
            rows = [row for row in rows if not _is_left_over(row, process_name, since)]
        rows = sorted(rows, key=lambda row: (not row.reasons[process_name].strong, row.started))
        self._counted[process_name] = rows
        return rows

    def evidence(self, process_name: str) -> str:
        """What is seen of an entry: who runs it and why that is so, or how those that ran it have left."""
        running = self.of(process_name)
        if running:
            pids = ", ".join(str(row.pid) for row in running[:_SHOWN])
            more = f" and {len(running) - _SHOWN} more" if len(running) > _SHOWN else ""
            return f"pid {pids}{more}: {running[0].reasons[process_name].why}"
        said = [*self._left.get(process_name, ())[:_SHOWN]] or ["no process runs it"]
        weak = [str(row.pid) for row in self._all_of(process_name)]
        if weak:
            said.append(f"only workers or sessions of it are left (pid {', '.join(weak[:_SHOWN])})")
        return "; ".join(said)

    @property
    def doubts(self) -> bool:
        """Whether a second look is due."""
        return any(row.doubted for row in self.rows.values())

    def names(self) -> Mapping[int, frozenset[str]]:
        """For each pid that is held, what it runs."""
        return {row.pid: frozenset(row.reasons) for row in self.rows.values()}

    def sure(self) -> frozenset[int]:
        """The pids of those whose end would be known, and who look like all that they were found to run."""
        return frozenset(row.pid for row in self.rows.values() if row.pidfd and not row.doubted)

    def _changed(self) -> None:
        self._by_name, self._counted, self._recounted = None, {}, False

    def _all_of(self, process_name: str) -> list[Held]:
        if self._by_name is None:
            self._by_name = {}
            for row in self.rows.values():
                for name in row.reasons:
                    self._by_name.setdefault(name, []).append(row)
        return self._by_name.get(process_name, [])

    def _seen(self, key: Key, shown: Mapping[str, Found], runs: Mapping[int, set[str]]) -> None:
        row = self.rows.get(key)
        one = next(iter(shown.values()))
        unsettled = row is not None and bool(row.doubted or row.given)
        if row is not None and not unsettled and _shows_the_same(row, shown, one.marks):
            return
        if row is None:
            child = bool(runs.get(one.parent, set()) & shown.keys())
            row = Held(
                pid=one.pid, started=one.started, marks=one.marks, reasons={}, child=child, parent=one.parent
            )
        reasons = dict(row.reasons)
        for name, found in shown.items():
            if name not in reasons or found.reason.strong or not reasons[name].strong:
                reasons[name] = found.reason
        doubted = {name: since for name, since in row.doubted.items() if name not in shown}
        # It has executed itself anew, as for an upgrade: that is what it is from now on.
        marks = one.marks if row.reasons.keys() <= shown.keys() else row.marks
        given = row.given - shown.keys()
        self.rows[key] = replace(row, reasons=reasons, doubted=doubted, marks=marks, given=given)

    def _missed(self, key: Key, row: Held, missing: frozenset[str], other: Other | None, now: float) -> None:
        if not row.pidfd and not self._alive(*key):
            self._note(row, row.reasons, "is no longer in /proc")
            del self.rows[key]
            return
        if other is None or other.started != row.started:
            return
        excluded = missing & other.excluded & row.given
        if excluded:
            self._note(row, set(excluded), "is not of the user that the list gives")
            self._put(key, row, {name: why for name, why in row.reasons.items() if name not in excluded})
            return
        if not (row.marks and other.marks):
            missing -= other.excluded  # that program still, as far as is shown
        if (
            not row.child
        ):  # nor has it, by new arguments alone, become another program; its child may be at other work
            missing -= other.same
        if not missing or not _is_another(row, other):
            return
        doubted = {**dict.fromkeys(missing, now), **row.doubted}
        gone = {name for name in missing if now - doubted[name] >= APART}
        self.rows[key] = replace(row, doubted={n: at for n, at in doubted.items() if n not in gone})
        if gone:
            self._note(row, gone, f'has become another program ("{other.looks}")')
            self._put(key, self.rows[key], {n: why for n, why in row.reasons.items() if n not in gone})

    def _put(self, key: Key, row: Held, reasons: Mapping[str, Reason]) -> None:
        if reasons:
            self.rows[key] = replace(row, reasons=reasons)
        else:
            del self.rows[key]

    def _note(self, row: Held, names: Mapping[str, Reason] | set[str], how: str) -> None:
        for name in names:
            self._left.setdefault(name, []).append(f"pid {row.pid} {how}")

    def _count_strong(self, last_seen: int) -> None:
        """`last_seen`: when the scan before this one was taken in.

        Of those whose end was seen that moment counts: a successor may begin right after it, before this scan.
        """
        strong = {name for row in self.rows.values() for name, why in row.reasons.items() if why.strong}
        for name in strong:
            self._strong_gone[name] = -1
        for name, at in self._strong_gone.items():
            if at < 0 and name not in strong:
                self._strong_gone[name] = max(last_seen, self._ended_at.get(name, 0))

    def _pass_on_what_is_left_over(self) -> None:
        """A session of a dead server forks for its client: that is no server either, though it began later."""
        parents = {row.pid: row for row in (*self._just_ended, *self.rows.values())}
        changed = True
        while changed:
            changed = False
            for key, row in self.rows.items():
                parent, names = parents.get(row.parent), set(row.left_over)
                if parent is None or parent.started > row.started:
                    continue
                for name in row.reasons.keys() & parent.reasons.keys():
                    since = self._strong_gone.get(name, 0)
                    if since > 0 and not row.reasons[name].strong and _is_left_over(parent, name, since):
                        names.add(name)
                if names != row.left_over:
                    changed = True
                    self.rows[key] = parents[row.pid] = replace(row, left_over=frozenset(names))
        self._just_ended.clear()


def _is_left_over(row: Held, process_name: str, since: int) -> bool:
    """Whether it is of a server of which nothing strong was left at the start time `since`."""
    return not row.reasons[process_name].strong and (row.started < since or process_name in row.left_over)


def _is_another(row: Held, other: Other) -> bool:
    """Whether another program has been executed in its place."""
    if row.marks and other.marks:
        return row.marks != other.marks
    # Hidden from who is not root. A child that looked like its parent was about to execute something else, or is a
    # daemon that gives itself a title once its parent has ended.
    return row.child and not other.titled


def _shows_the_same(row: Held, shown: Mapping[str, Found], marks: Marks) -> bool:
    same = all(row.reasons.get(name) is found.reason for name, found in shown.items())
    return same and row.marks == marks
