"""Who reports, as this monitor knows it: one standing, one table of moves, and for how long a word holds.

Pure. In: what the driver's election says (`Leader`, `Follower`, `NoElection`), and time. Out: the next standing and
what it means for the reports of this monitor. An authority is a lease: it ends by itself when it is not said again.
With nobody elected for `ELECTION_PATIENCE` seconds, all monitors report.
"""

import binascii
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection

ELECTION_PATIENCE = 20.0
"""Seconds for which nobody may be known to report before all monitors do: a lock is free 10 to 20 s after its
holder's death (Consul's session TTL and lock delay, a Lease's duration)."""

WORD_PATIENCE = 60.0
"""Seconds without any word of the election after which that is an alarm; and those that another monitor has to
report what this one sees fail."""

LATE = 5.0
"""Seconds after the end of a patience from which this monitor was held up itself (its loop, or its disk) and has not
heard what was said meanwhile."""

RENEWALS = 3
"""Times that a patience is begun anew for that, at most: one that is held up each time would never report."""

STAGGER_STEP = 2.0
"""Seconds of one monitor's turn while all report: longer than the way of a report to masakari's list usually is."""

STAGGER_RANKS = 10
"""Ten monitors have a turn of their own, by rank; all others share the eleventh, because those ten are hardly all
unable to report. So each monitor's turn comes round every 22 s."""


class Standing(StrEnum):
    """What this monitor is in the election."""

    UNKNOWN = "unknown"
    """No word of it yet."""
    LEADER = "leader"
    """It reports, until its lease ends."""
    FOLLOWER = "follower"
    """Another monitor reports."""
    NO_ELECTION = "no election"
    """Nobody reports, and nobody can be elected."""
    ALL = "all"
    """Every monitor reports."""


class Word(StrEnum):
    """What moves it."""

    LEADER = "elected"
    FOLLOWER = "another is elected"
    NO_ELECTION = "nobody can be elected"
    LAPSED = "the lease ends"
    PATIENCE_OVER = "nobody for 20 s"


class Change(StrEnum):
    """What a move means for the reports of this monitor."""

    NOTHING = "nothing"
    GAINED = "gained"
    """It is the leader now: it adopts the ledger and writes the whole of it."""
    LOST = "lost"
    """It reports no more: what it could not deliver it takes back."""
    JOINED = "joined"
    """It is one of all that report."""


_S, _W, _C = Standing, Word, Change

TABLE: Mapping[tuple[Standing, Word], tuple[Standing, Change]] = {
    (_S.UNKNOWN, _W.LEADER): (_S.LEADER, _C.GAINED),
    (_S.UNKNOWN, _W.FOLLOWER): (_S.FOLLOWER, _C.NOTHING),
    (_S.UNKNOWN, _W.NO_ELECTION): (_S.NO_ELECTION, _C.NOTHING),
    (_S.LEADER, _W.LEADER): (_S.LEADER, _C.NOTHING),
    (_S.LEADER, _W.FOLLOWER): (_S.FOLLOWER, _C.LOST),
    (_S.LEADER, _W.NO_ELECTION): (_S.NO_ELECTION, _C.LOST),
    (_S.LEADER, _W.LAPSED): (_S.NO_ELECTION, _C.LOST),
    (_S.FOLLOWER, _W.LEADER): (_S.LEADER, _C.GAINED),
    (_S.FOLLOWER, _W.FOLLOWER): (_S.FOLLOWER, _C.NOTHING),
    (_S.FOLLOWER, _W.NO_ELECTION): (_S.NO_ELECTION, _C.NOTHING),
    (_S.NO_ELECTION, _W.LEADER): (_S.LEADER, _C.GAINED),
    (_S.NO_ELECTION, _W.FOLLOWER): (_S.FOLLOWER, _C.NOTHING),
    (_S.NO_ELECTION, _W.NO_ELECTION): (_S.NO_ELECTION, _C.NOTHING),
    (_S.NO_ELECTION, _W.PATIENCE_OVER): (_S.ALL, _C.JOINED),
    (_S.ALL, _W.LEADER): (_S.LEADER, _C.GAINED),
    (_S.ALL, _W.FOLLOWER): (_S.FOLLOWER, _C.LOST),
    (_S.ALL, _W.NO_ELECTION): (_S.ALL, _C.NOTHING),
}
"""(standing, word) -> (next, what it means). What is not listed cannot happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who reports, since monotonic second `since`, as far as this monitor knows, and `why`.

    `silent_since`: the monotonic second since which this monitor does not report, whoever did meanwhile.
    `leader`: the node of another monitor that reports; empty when it is this one, all, or not known. `delivers`:
    whether that one says that its own way to masakari works; None where it does not say. `until`: when the standing
    ends by itself. `term_read`: a ledger was read since this monitor became the leader.
    `warned`: that there is no word of an election was told. `renewed`: how often its patience was begun anew.
    """

    standing: Standing = Standing.UNKNOWN
    leader: str = ""
    delivers: bool | None = None
    why: str = "no word of an election yet"
    since: float = math.inf
    silent_since: float = -math.inf
    until: float = math.inf
    term_read: bool = False
    warned: bool = False
    renewed: int = 0

    @property
    def reports(self) -> bool:
        """Whether this monitor may send."""
        return self.standing in (Standing.LEADER, Standing.ALL)

    def after_standstill(self, lost: float) -> "Reporter":
        """Its own authority is so many seconds older than was noticed; a patience is begun anew by itself."""
        return replace(self, until=self.until - lost) if self.standing is Standing.LEADER else self

    def due(self, now: float) -> Word | None:
        """What time alone has brought about by monotonic second `now`."""
        if now < self.until:
            return None
        return Word.LAPSED if self.standing is Standing.LEADER else Word.PATIENCE_OVER


ALWAYS = Reporter(
    standing=Standing.ALL, why="[host] reporter = all, or a driver without an election", since=-math.inf
)
"""Without an election every monitor reports from the start."""


def hear(before: Reporter, seen: Leader | Follower | NoElection, now: float) -> tuple[Reporter, Change]:
    """The next reporter after a word of the election, at monotonic second `now`."""
    match seen:
        case Leader():
            word, leader, until = Word.LEADER, "", seen.at.monotonic + seen.good_for
        case Follower():
            word, leader, until = Word.FOLLOWER, seen.leader, math.inf
        case NoElection():
            word, leader, until = Word.NO_ELECTION, "", _patience(before, seen, now)
    standing, change = TABLE[before.standing, word]
    if standing is Standing.ALL:
        until = math.inf
    same = standing is before.standing and leader == before.leader
    silent = not before.reports and before.standing is not Standing.UNKNOWN
    after = Reporter(
        standing=standing,
        leader=leader,
        delivers=seen.delivers if isinstance(seen, Follower) else None,
        why=seen.why,
        since=before.since if same else now,
        silent_since=before.silent_since if silent else now,
        until=until,
        term_read=before.term_read and standing is Standing.LEADER and before.standing is Standing.LEADER,
        renewed=before.renewed if standing is before.standing is Standing.NO_ELECTION else 0,
    )
    return after, change


def _patience(before: Reporter, seen: NoElection, now: float) -> float:
    """Until when nobody may report: from the driver's `since`, but no earlier than the last reporter was known."""
    if before.standing is Standing.NO_ELECTION:
        return before.until
    known = now if before.standing in (Standing.LEADER, Standing.FOLLOWER) else seen.since
    return max(known, seen.since) + ELECTION_PATIENCE


def pass_time(before: Reporter, now: float) -> tuple[Reporter, Change]:
    """The next reporter when monotonic second `now` has come without a word.

    Who was held up, however long, listens for the whole patience before it takes it that nobody reports, some times.
    """
    word = before.due(now)
    if word is None:
        return before, Change.NOTHING
    if word is Word.PATIENCE_OVER and now > before.until + LATE and before.renewed < RENEWALS:
        again = replace(before, until=now + ELECTION_PATIENCE, renewed=before.renewed + 1)
        return again, Change.NOTHING
    standing, change = TABLE[before.standing, word]
    if standing is Standing.ALL:
        why, until = f"nobody could be elected for {ELECTION_PATIENCE:g} s ({before.why})", math.inf
    else:
        # Who notices late has heard nothing since.
        lapsed = before.until if now <= before.until + LATE else now
        why, until = "its own election was not renewed in time", lapsed + ELECTION_PATIENCE
    silent_since = now if before.reports else before.silent_since
    after = replace(before, standing=standing, leader="", why=why, since=now, until=until, term_read=False)
    return replace(after, silent_since=silent_since, renewed=0), change


def stagger(host: str, own: str, others: Iterable[str], step: float) -> float:
    """When, in each round of turns, the monitor on `own` may tell of `host` while all report (seconds).

    Each monitor ranks all that run by a hash of both names, so each failed host has an order of its own, and
    monitors that see the same hosts up agree on it.
    """
    own_mark = _mark(host, own)
    before = 0
    for other in others:
        before += other != own and other != host and _mark(host, other) < own_mark
        if before >= STAGGER_RANKS:
            break
    return before * step


def _mark(host: str, monitor: str) -> tuple[int, str]:
    return binascii.crc32(f"{host} {monitor}".encode("utf-8", "backslashreplace")), monitor
