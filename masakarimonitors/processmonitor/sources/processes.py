"""The presence of every listed process, kept up to date.

In: which entries to watch, looks that the decision asks for. Out: a `Sighting` whenever an entry's presence changes.
Each process found is held by a pidfd, whose firing brings the next scan at once (its successor may run already); a
scan per `check_interval` finds new ones and is the net. What is held and what leaves stands in held.py.
"""

import asyncio
import datetime
import functools
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.processmonitor.core.observation import (
    Entry,
    Observation,
    Presence,
    SeenRunning,
    Sighting,
)
from masakarimonitors.processmonitor.core.recognition.matching import Index
from masakarimonitors.processmonitor.core.recognition.pattern import NOBODY_KNOWN, AsSeen, Pattern
from masakarimonitors.processmonitor.sources.held import APART, Key, Table
from masakarimonitors.processmonitor.sources.patterns import Programs, as_written, follow_again
from masakarimonitors.processmonitor.sources.procfs import Scanner
from masakarimonitors.processmonitor.sources.scan import Depth, Found, Scan
from masakarimonitors.processmonitor.sources.stat import is_alive, is_same, may_run, tick_of, ticks_now
from masakarimonitors.system.clock import Clock, beat
from masakarimonitors.system.processes.limits import allowed_descriptors
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

# Reading the command line of a process that hangs in the kernel (dead storage) can hang with it.
_SCAN_PATIENCE = 5.0
# A look that gets on is slow, on a host that has much to do, and not hung: so many times the patience it may take.
_GETS_ON = 12
# A process first seen at a death may be a fork of the dead one, about to become another program.
_LOOK_AGAIN = 0.3
# Whose service may be in the middle of an exec is looked at again, so many seconds apart, before it is none.
_EXEC_PAUSES = (0.05, 0.2, 0.75, 2.0)
# So many processes of one entry are held; of thousands the others are looked at.
_PIDFDS = 32
_NOTHING_DOWN: Mapping[str, datetime.datetime] = {}
_NOTHING_SEEN: Mapping[str, AsSeen] = {}


Follow = Callable[[Sequence[Pattern], Sequence[Entry], bool], tuple[Pattern, ...]]
"""As `follow_again`: links of the entries followed; with True, only those that were links before. It may block."""


class Processes:
    """The source. It also knows the commands that we run, so that none is taken for what it is to start."""

    name = "processes"

    def __init__(
        self,
        clock: Clock,
        check_interval: float,
        *,
        blindness: str = "",
        scanner: Callable[[Index, frozenset[int]], Scanner] = Scanner,
        patience: float = _SCAN_PATIENCE,
        descriptors: Callable[[], int] = allowed_descriptors,
        follow: Follow | None = None,
        down: Mapping[str, datetime.datetime] = _NOTHING_DOWN,
        seen: Mapping[str, AsSeen] = _NOTHING_SEEN,
    ) -> None:
        """Nothing is watched until `watch`; `check_interval`, and the `patience` with one process, in seconds.

        `blindness`: why the host's processes cannot be seen from here; empty when they can. Of the `descriptors` that
        may be open, half may hold processes; the others of these are looked at. `down`: when, in this boot, an earlier
        life saw all of an entry gone; workers and sessions of it that have lived since then are not the entry. `seen`:
        entries that an earlier life saw running, and as whom.
        """
        self._descriptors = descriptors
        programs = Programs(now=lambda: clock.now().wall.timestamp())
        self._follow_again = follow or functools.partial(follow_again, programs=programs)
        self._clock = clock
        self._interval = check_interval
        self._blindness = blindness
        self._own_commands: set[int] = set()
        self._make_scanner = scanner
        self._patience = patience
        self._scanner = scanner(Index(()), frozenset())
        # Who made the last scan, and knows what all show: the next one may be another's.
        self._shown_by = self._scanner
        self._table = Table(is_alive, ticks_now)
        for name, moment in down.items():
            self._table.was_down(name, tick_of(moment, clock.now().wall))
        self._presence: dict[str, Presence | None] = {}
        self._met: set[str] = set()
        self._seen = dict(seen)
        # Of each entry the pid that was told last as the first that runs it.
        self._first: dict[str, int] = {}
        self._entries: tuple[Entry, ...] = ()
        self._lists = 0
        self._followed = False
        # Entries whose user this host does not know.
        self._of_nobody: frozenset[str] = frozenset()
        self._following = False
        self._pidfds: dict[Key, int] = {}
        self._ended: set[Key] = set()
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._emit: Callable[[Observation], None] = lambda observation: None
        self._scanned = Scan({}, "no scan has been made yet")
        self._at = clock.now()
        self._due = True
        self._ticked = False
        self._unheld = False
        # Of each entry those that were in doubt only because they are in a container, while the service ran as well.
        self._beside: dict[str, frozenset[Key]] = {}
        # Of whom it is known already as whom they run, and whether each that should be held was at the last scan.
        self._learned_of: dict[str, tuple[Found, ...]] = {}
        self._all_held = False

    def watch(self, entries: Sequence[Entry]) -> None:
        """Watch exactly these; each one's presence is emitted after the next scan."""
        users = {entry.process_name: entry.user for entry in self._entries}
        others = frozenset(
            one.process_name for one in entries if users.get(one.process_name, one.user) != one.user
        )
        self._table.other_user(others)
        self._met -= others  # one that does not fit is held, as at a start
        for name in others | self._seen.keys() - {one.process_name for one in entries}:
            self._seen.pop(name, None)
        self._beside = {name: keys for name, keys in self._beside.items() if name in self._seen}
        self._learned_of = {}
        self._all_held = False
        self._lists += 1
        self._followed = False
        self._entries = tuple(entries)
        self._scanner = self._make_scanner(Index(self._as_known(as_written(entries))), self._scanner.avoid)
        names = frozenset(entry.process_name for entry in entries)
        self._note_users()
        self._presence = dict.fromkeys(names)
        self._met &= names
        self._first = {}
        self._table.keep_only(names)
        self._tell_all_again()

    async def look(self, process_name: str, request_id: int) -> Sighting:
        """The presence of this entry, from a scan that begins after now."""
        await self._fresh_scan()
        return self._sighting(process_name, request_id)

    async def services(self, process_name: str) -> frozenset[int]:
        """The pids that run this entry now, those below our own commands as well; OSError where that cannot be seen
        (TimeoutError when /proc hangs).

        Whoever is not among them may be killed, so one that has no command line yet is given the time to get it, and
        one that was found once counts, as does one that cannot be read and may be it, and whoever is not surely it.
        """
        once, thread = self._make_scanner(self._scanner.index, self._scanner.avoid), Pool("procfs-once")
        services, hidden, seen = set[int](), set[int](), False
        unread = "/proc did not answer"
        try:
            for pause in (*_EXEC_PAUSES, None):
                try:
                    scan = await self._scan(once, once.scan, thread)
                except TimeoutError:
                    if not seen:
                        raise
                    hidden.add(once.reading)
                    break
                unread = scan.unread
                if not unread:
                    seen, hidden = True, set(scan.unseen)
                    services.update(one.pid for one in scan.found.get(process_name, ()))
                    services.update(one.pid for one in scan.doubtful.get(process_name, ()))
                    if not any(may_run(pid, process_name) for pid in hidden):
                        break
                if pause is not None:
                    await asyncio.sleep(pause)
        finally:
            once.let_go()
            thread.close()
        if not seen:
            raise OSError(unread)
        hidden |= once.avoid
        return frozenset(services | {pid for pid in hidden if may_run(pid, process_name)})

    def command_started(self, pid: int) -> None:
        """This process, with all of its session and below it, is a command of ours until `command_ended`."""
        self._own_commands.add(pid)

    def command_ended(self, pid: int) -> None:
        """The end of `command_started`."""
        self._own_commands.discard(pid)

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Scan whenever something calls for it, and every `check_interval` seconds."""
        self._emit = emit
        self._tell_all_again()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            await self._look_whenever_wanted()

    async def _fresh_scan(self) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wanted.set()
        await done

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(beat(self._clock, self._interval))
            self._ticked = True
            self._wanted.set()

    def _want_fresh(self) -> None:
        self._due = True
        self._wanted.set()

    async def _look_whenever_wanted(self) -> None:
        # A thread of its own: reading about a process that hangs in the kernel can hang as well.
        thread = Pool("procfs")
        waiting: list[asyncio.Future[None]] = []
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                waiting, self._waiting = self._waiting, []
                lists, at = self._lists, self._clock.now()
                depth = self._depth(asked=bool(waiting))
                self._due = self._ticked = False
                thread = await self._follow(depth, thread)
                scanner = self._scanner
                scan_now = functools.partial(
                    scanner.scan,
                    frozenset(self._own_commands),
                    depth,
                    self._table.names(),
                    self._table.sure(),
                )
                try:
                    scan = await self._scan(scanner, scan_now, thread)
                except TimeoutError:
                    scan = self._stuck(scanner, thread)
                    thread.close()
                    thread = Pool("procfs")
                if lists != self._lists:  # the list has changed meanwhile
                    self._waiting += waiting
                    waiting = []
                    self._want_fresh()
                    continue
                self._shown_by = scanner
                self._take(scan, at)
                for done in waiting:
                    if not done.done():
                        done.set_result(None)
        finally:
            # Where this look has failed they are answered by the next one, when this source is started again.
            self._waiting += [one for one in waiting if not one.done()]
            thread.close()
            self._following = False
            for key in list(self._pidfds):
                self._release(key)

    def _depth(self, *, asked: bool) -> Depth:
        """What was asked for is answered in full; a death alone wants to know of successors, fast."""
        if self._due or asked or (self._ticked and not self._is_quiet()):
            return Depth.FRESH
        return Depth.TURNS if self._ticked else Depth.SUCCESSORS

    def _is_quiet(self) -> bool:
        """Whether all of the list runs, and no command of ours: nothing hangs on the next look."""
        return not self._own_commands and self._all_run()

    def _all_run(self) -> bool:
        return all(one is Presence.RUNNING for one in self._presence.values())

    async def _scan(self, scanner: Scanner, scan: Callable[[], Scan], thread: Pool) -> Scan:
        """What `scan` of the scanner returns; TimeoutError once it has stood still at one process for our patience.

        Seen twice, half of it apart: where this whole process was held up, its time is over the moment it goes on.
        """
        scanning = asyncio.get_running_loop().create_task(thread.call(scan, _GETS_ON * self._patience))
        at, still = scanner.reading, 0
        try:
            while not (await asyncio.wait({scanning}, timeout=self._patience / 2))[0]:
                before, at = at, scanner.reading
                still = still + 1 if at == before else 0
                if still == 2:
                    raise TimeoutError
            return scanning.result()
        finally:
            scanning.cancel()

    async def _follow(self, depth: Depth, thread: Pool) -> Pool:
        """Follow the links of the list again: what stands on dead storage does not answer, and keeps its thread then.

        The thread for what comes next.
        """
        patterns = self._scanner.index.patterns
        full = depth is not Depth.SUCCESSORS
        if self._following or not (full or any(pattern.linked for pattern in patterns)):
            return thread
        follow = functools.partial(self._follow_again, patterns, self._entries, not full)
        self._following = True
        loop = asyncio.get_running_loop()
        lists = self._lists
        try:
            followed = await thread.call(follow, self._patience)
        except TimeoutError:
            LOG.error(
                "The programs of the process list could not be looked at within %.0f s, often because of dead"
                " storage; what was last seen of them counts until they can",
                self._patience,
            )
            thread.submit(lambda: loop.call_soon_threadsafe(self._follows_again))
            thread.close()
            return Pool("procfs")
        self._following = False
        self._followed = self._followed or lists == self._lists
        if followed != patterns and lists == self._lists:
            self._scanner = self._make_scanner(Index(followed), self._scanner.avoid)
            self._note_users()
        return thread

    def _follows_again(self) -> None:
        self._following = False
        self._want_fresh()

    def _tell_all_again(self) -> None:
        self._presence = dict.fromkeys(self._presence)
        self._want_fresh()

    def _stuck(self, scanner: Scanner, thread: Pool) -> Scan:
        pid = scanner.reading
        LOG.error(
            "/proc/%d did not answer within %.0f s: that process hangs in the kernel, often on dead storage; the"
            " others are watched without it until it answers",
            pid,
            self._patience,
        )
        if scanner is self._scanner and pid:
            self._scanner = self._make_scanner(scanner.index, scanner.avoid | {pid})
        if scanner is not self._scanner:
            scanner.let_go()  # it stays with its thread: each that hangs would keep hundreds of files open
        # The thread that hangs on it is the first to know that it answers again, or has ended.
        loop = asyncio.get_running_loop()

        def answered() -> None:
            loop.call_soon_threadsafe(self._answers_again, pid)

        thread.submit(answered)
        self._wanted.set()
        return Scan({}, f"/proc/{pid} did not answer")

    def _answers_again(self, pid: int) -> None:
        self._scanner = self._make_scanner(self._scanner.index, self._scanner.avoid - {pid})
        self._want_fresh()

    def _take(self, scan: Scan, at: Instant) -> None:
        same = scan.found is self._scanned.found and not (scan.unseen or scan.others or scan.doubtful)
        self._scanned, self._at = scan, at
        if (
            same
            and self._all_held
            and not self._beside
            and self._all_run()
            and self._table.passes_over(self._ended)
        ):
            return
        before = {name: rows for name in self._presence if (rows := self._table.of(name))}
        changed = self._table.take(scan, at.monotonic, frozenset(self._ended)) or not self._all_held
        if changed:
            self._hold()
        learned = False
        for name, told in self._presence.items():
            if told is Presence.RUNNING and not changed:  # as it was, so the same run it
                self._note_beside(name)
                learned = self._learn(name, scan) or learned
                continue
            presence = Presence.RUNNING if self._table.of(name) else self._judge(name)[0]
            if presence is Presence.RUNNING:
                self._met.add(name)
                learned = self._learn(name, scan) or learned
            self._note_beside(name)
            rows = self._table.of(name)
            first = rows[0].pid if rows else 0
            if presence is not self._presence[name] or first != self._first.get(name, first):
                self._presence[name], self._first[name] = presence, first
                self._emit(self._sighting(name, 0))
        if learned:
            index = Index(self._as_known(self._scanner.index.patterns))
            self._scanner = self._make_scanner(index, self._scanner.avoid)
        self._ended = {key for key in self._ended if is_same(*key)}
        if self._table.doubts:
            asyncio.get_running_loop().call_later(APART * 1.2, self._want_fresh)
        if changed and any(self._has_lost_one(name, rows) for name, rows in before.items()):
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._want_fresh)

    def _has_lost_one(self, name: str, before: Sequence[object]) -> bool:
        now = self._table.of(name)
        return bool(now) and len(now) < len(before)

    def _sighting(self, name: str, in_reply_to: int) -> Sighting:
        presence, evidence = self._judge(name)
        mention = ""
        if presence is Presence.GONE and name not in self._met:
            # One that was seen in an earlier life is held by none that a person has begun, whatever that shows:
            # it is dead. A package may have been swapped meanwhile, which is root's doing.
            before = name in self._seen
            mention = self._shown_by.mention(name, self._own_commands, of_the_host=before)
        return Sighting(
            process_name=name,
            presence=presence,
            at=self._at,
            evidence=evidence,
            in_reply_to=in_reply_to,
            mention=mention,
        )

    def _judge(self, name: str) -> tuple[Presence, str]:
        """By the last scan, and the evidence."""
        if name not in self._presence:
            return Presence.UNKNOWN, "it is not watched"
        if self._table.of(name):
            return Presence.RUNNING, self._table.evidence(name)
        unseen = self._blindness or self._scanned.unread
        if not self._followed and "/" in name.split()[0]:
            unseen = unseen or "where the links of the list lead could not be looked at yet"
        if name in self._of_nobody:
            unseen = unseen or "the user that the list gives it is not known on this host"
        if unseen:
            return Presence.UNKNOWN, unseen
        for pid in self._scanner.avoid | self._scanned.unseen.keys():
            if may_run(pid, name):
                seen = self._scanned.unseen.get(pid, "it does not answer")
                return Presence.UNKNOWN, f"pid {pid} may run it, and cannot be read ({seen})"
        # What may be the service proves neither that it is dead nor that it runs, whatever was seen before. Nor does a
        # person's where the service was never seen: nothing tells whether it has ever run as somebody else.
        beside = self._beside.get(name, ())
        unclear = self._scanned.doubt(name, persons=False, beside=beside)
        doubtful = self._scanned.doubt(name)
        if unclear or (doubtful and name not in self._met and name not in self._seen):
            return Presence.UNKNOWN, unclear or doubtful
        return Presence.GONE, "; ".join(filter(None, (self._table.evidence(name), doubtful)))

    def _note_beside(self, name: str) -> None:
        """What stands in a container while the service runs is another copy, and takes over nothing when that dies."""
        elsewhere = frozenset(one.key for one in self._scanned.doubtful.get(name, ()) if one.reason.elsewhere)
        before = self._beside.pop(name, frozenset())
        if not elsewhere:
            return
        # It may have ended since the scan began, and one of these have begun after that.
        runs = any(row.reasons[name].strong and is_alive(*row.key) for row in self._table.of(name))
        self._beside[name] = elsewhere if runs else elsewhere & before

    def _learn(self, name: str, scan: Scan) -> bool:
        """That it runs, and as whom: these are its users and units from now on. Whether that changes who counts."""
        before, found = self._seen.get(name), scan.found.get(name, ())
        if before is not None and self._learned_of.get(name) == found:
            return False
        self._learned_of[name] = found
        strong = [one for one in found if one.reason.strong]
        if before is not None and all(
            one.user in before.users and one.unit in before.units for one in strong
        ):
            return False
        users, units = frozenset(one.user for one in strong), frozenset(one.unit for one in strong)
        after = (before or AsSeen()).then(AsSeen(users, units))
        if after == before:  # there are more than are kept
            return False
        self._seen[name] = after
        self._emit(SeenRunning(name, after.users, after.units))
        return bool(strong)

    def _as_known(self, patterns: Iterable[Pattern]) -> list[Pattern]:
        return [replace(one, known=self._seen.get(one.process_name, one.known)) for one in patterns]

    def _note_users(self) -> None:
        patterns = self._scanner.index.patterns
        self._of_nobody = frozenset(one.process_name for one in patterns if one.user == NOBODY_KNOWN)

    def _hold(self) -> None:
        """Hold a pidfd of each row, as far as the budget goes, and of nobody else."""
        # The first of each entry before the second of any; who has one keeps it.
        ranked = [self._table.of(name)[:_PIDFDS] for name in self._presence]
        wanted: dict[Key, None] = {}
        for rank in range(max(map(len, ranked), default=0)):
            wanted |= {(rows[rank].pid, rows[rank].started): None for rows in ranked if len(rows) > rank}
        for key in self._pidfds.keys() - self._table.rows.keys():
            self._release(key)
        # The other half is for commands, connections and files.
        room = self._descriptors() // 2 - len(self._pidfds)
        for key in [key for key in wanted if key not in self._pidfds][: max(room, 0)]:
            self._open(key)
        self._all_held = wanted.keys() <= self._pidfds.keys()

    def _open(self, key: Key) -> None:
        """Hold a pidfd of this very process, or note that it has ended."""
        try:
            pidfd = os.pidfd_open(key[0])
        except ProcessLookupError:
            self._fired(key)
            return
        except OSError as error:
            if not self._unheld:
                self._unheld = True
                LOG.warning(
                    "Cannot hold pid %d (%s): it is only looked at every %g s", key[0], error, self._interval
                )
            return
        if not is_same(*key):  # its pid was given to another process meanwhile
            os.close(pidfd)
            self._fired(key)
            return
        self._pidfds[key] = pidfd
        self._table.hold(key, True)
        asyncio.get_running_loop().add_reader(pidfd, self._fired, key)

    def _fired(self, key: Key) -> None:
        self._ended.add(key)
        self._table.fired(key)
        self._release(key)
        self._wanted.set()

    def _release(self, key: Key) -> None:
        pidfd = self._pidfds.pop(key, None)
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)
