"""Who reports: the one policy of the leader election, whatever the cluster engine elects with.

In: what the engine shows (who holds the lock, for how long that is certain, who asks for it) and what this node is
fit for. Out: one act for the engine's hand, and one word for the core: `Leader`, `Follower` or `NoElection`.
`MOVES` is the whole of it: each standing and each situation, with the standing and the act that follow.

Authority is a lease. A monitor leads only until a moment that it can name, and nobody else can be the leader before
that; whoever cannot prolong it is no leader any more, whatever stands in the store. And a leader that gives no
proof of life is not followed for ever. When all monitors report instead is not decided here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election.candidate import Candidate, fitter, shown
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection

Ledger = Mapping[str, LedgerEntry]
Word = Leader | Follower | NoElection


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionPolicy:
    """The rules; times in seconds.

    `deciding`: the links by which the matrix can come to a recovery. `superior`: so long a node must have been
    fitter than the leader before it asks for its place, so that a passing fault moves nobody. `yields`: so long one
    that is less fit leaves a free lock to others. `doubt`: so long a holder that is not certain of it tries to
    become so, before it gives the lock up to whoever can. `blind_counts`: of the time in which this node saw nothing
    at most so much counts as time without a leader: it is given the rest to find the one that there is.
    """

    deciding: frozenset[str] = frozenset()
    superior: float = 10.0
    yields: float = 5.0
    doubt: float = 5.0
    blind_counts: float = 15.0


class Holder(StrEnum):
    """Whose the lock is, as far as the engine shows."""

    UNKNOWN = "unknown"
    """The engine does not say, or what it said is out of date."""
    NOBODY = "nobody"
    OWN = "own"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one look at the engine shows; times are monotonic seconds.

    `sighted`: this node sees what the election hangs on. `leader`: what the holder has written, None when that
    cannot be read. `challenge`: who asks for the lock; `unread_challenge`: somebody does, in words that cannot be read.
    `certain_until`: so long nobody else can hold what this node holds. `alive_until`: so long the other holder counts
    as living. `announced`: what stands there about this node as the leader is what is true. `can_release`: one that is
    not certain can still give it up and so make room for others; where the engine does not answer it would only lose
    what it may keep. `why`: what hinders at present, for the operator; empty: nothing is known to.
    """

    own: Candidate
    sighted: bool = True
    holder: Holder = Holder.UNKNOWN
    leader: Candidate | None = None
    challenge: Candidate | None = None
    unread_challenge: bool = False
    certain_until: float = -math.inf
    alive_until: float = math.inf
    announced: bool = True
    can_release: bool = True
    why: str = ""


class Standing(StrEnum):
    """What this monitor is in the election."""

    OUT = "out"
    """No candidate: it does not see what the election hangs on."""
    SEEKING = "seeking"
    """Nobody is known to lead."""
    FOLLOWING = "following"
    LEADING = "leading"
    """The only standing in which a monitor reports by right."""
    DOUBTING = "doubting"
    """It holds the lock as far as is shown, and cannot be certain that nobody else does."""
    RELEASING = "releasing"
    """It gives the lock up, and does not lead again before that is done."""


class Situation(StrEnum):
    """What the facts amount to, for this monitor and at this moment."""

    BLIND = "blind"
    CLOSED = "closed"
    """Whose the lock is cannot be learnt."""
    FREE = "free"
    ASKED = "asked"
    """It is free, and a fitter one is given the time to acquire it."""
    LED = "led"
    OUTDONE = "outdone"
    """Another leads, and this one has been fitter for long enough, and nobody has asked yet who is as fit."""
    SILENT = "silent"
    """Another holds it and gives no sign of life."""
    SURE = "sure"
    CHANGED = "changed"
    """It is certainly this node's, and what stands there about it must be written anew."""
    UNJUSTIFIED = "unjustified"
    """It is certainly this node's, and somebody asks for it who is not fitter, or whose words cannot be read."""
    OUTRANKED = "outranked"
    """It is this node's, and a fitter one asks for it."""
    UNSURE = "unsure"
    LAPSED = "lapsed"
    """It has been this node's without certainty for too long."""


class Act(StrEnum):
    """What the engine's hand shall do next."""

    NOTHING = "nothing"
    ACQUIRE = "acquire"
    RENEW = "renew"
    """Make certain again what is held."""
    ANNOUNCE = "announce"
    """As the leader: write down anew what this node is fit for, and that it lives."""
    CHALLENGE = "challenge"
    """Ask the leader to give its place to this node."""
    DROP = "drop"
    """As the leader: the challenge is not justified, take it away."""
    RELEASE = "release"


Move = tuple[Standing, Act]

_ANYWHERE: Mapping[Situation, Move] = {
    Situation.BLIND: (Standing.OUT, Act.NOTHING),
    Situation.CLOSED: (Standing.SEEKING, Act.NOTHING),
    Situation.FREE: (Standing.SEEKING, Act.ACQUIRE),
    Situation.ASKED: (Standing.SEEKING, Act.NOTHING),
    Situation.LED: (Standing.FOLLOWING, Act.NOTHING),
    Situation.OUTDONE: (Standing.FOLLOWING, Act.CHALLENGE),
    Situation.SILENT: (Standing.SEEKING, Act.NOTHING),
    Situation.SURE: (Standing.LEADING, Act.NOTHING),
    Situation.CHANGED: (Standing.LEADING, Act.ANNOUNCE),
    Situation.UNJUSTIFIED: (Standing.LEADING, Act.DROP),
    Situation.OUTRANKED: (Standing.RELEASING, Act.RELEASE),
    Situation.UNSURE: (Standing.DOUBTING, Act.RENEW),
    Situation.LAPSED: (Standing.RELEASING, Act.RELEASE),
}
_HELD = (
    *(Situation.SURE, Situation.CHANGED, Situation.UNJUSTIFIED),
    *(Situation.OUTRANKED, Situation.UNSURE, Situation.LAPSED),
)

MOVES: Mapping[tuple[Standing, Situation], Move] = {
    (standing, situation): move for standing in Standing for situation, move in _ANYWHERE.items()
} | {
    # What was given up is not taken back half-way: another may count on it already.
    **{(Standing.RELEASING, held): (Standing.RELEASING, Act.RELEASE) for held in _HELD},
    (Standing.RELEASING, Situation.CLOSED): (Standing.RELEASING, Act.NOTHING),
}
"""Every pair; what a monitor is before matters only while it gives the lock up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """Where this monitor stands; times are monotonic seconds, None: not at present.

    `known_at`: when somebody was last known to lead; at first: when it began, None before that. `fitter_since`: since
    when this node has been fitter than the leader. `free_since`, `unsure_since`: since when the lock has been free, or
    this node's without certainty. `back_at`: until then one that has just given it up leaves a free lock to others.
    `why`: of the standing.
    """

    known_at: float | None = None
    standing: Standing = Standing.SEEKING
    fitter_since: float | None = None
    free_since: float | None = None
    unsure_since: float | None = None
    back_at: float = -math.inf
    why: str = ""

    def begun(self, now: float) -> "Election":
        """As at the start of the elector; one that is started again counts on from where it was."""
        return self if self.known_at is not None else replace(self, known_at=now)

    def challenged(self, now: float) -> "Election":
        """The challenge is written. Asked once; whoever takes it away (an earlier release ranks otherwise) is asked
        again later."""
        return replace(self, fitter_since=now)


def step(election: Election, facts: Facts, policy: ElectionPolicy, now: float) -> tuple[Election, Act]:
    """Where this monitor stands after the facts of monotonic second `now`, and what shall be done.

    Looking is not doing: the act is the answer to every look until the facts, or `challenged`, tell that it is done.
    """
    election = _timed(election, facts, policy, now)
    situation = find_situation(election, facts, policy, now)
    if (
        election.standing is Standing.RELEASING
        and MOVES[election.standing, situation][0] is not Standing.RELEASING
    ):
        # It is given up: left to others for a while, from this very look on.
        election = replace(election, standing=Standing.SEEKING, back_at=now + policy.yields)
        situation = find_situation(election, facts, policy, now)
    standing, act = MOVES[election.standing, situation]
    known_at = now if election.known_at is None else election.known_at
    if standing in (Standing.LEADING, Standing.FOLLOWING):
        known_at = now
    elif election.standing is Standing.OUT and standing is not Standing.OUT:
        known_at = max(known_at, now - policy.blind_counts)
    return replace(election, standing=standing, known_at=known_at, why=_explain(situation, facts)), act


def _timed(election: Election, facts: Facts, policy: ElectionPolicy, now: float) -> Election:
    """Since when each thing that needs patience has lasted."""

    def since(before: float | None, holds: bool) -> float | None:
        return (now if before is None else before) if holds else None

    is_fitter = facts.holder is Holder.OTHER and fitter(facts.own, facts.leader, policy.deciding)
    unsure = facts.holder is Holder.OWN and now >= facts.certain_until
    fitter_since = since(election.fitter_since, is_fitter)
    free_since = since(election.free_since, facts.holder is Holder.NOBODY)
    unsure_since = since(election.unsure_since, unsure)
    if (fitter_since, free_since, unsure_since) == (
        election.fitter_since,
        election.free_since,
        election.unsure_since,
    ):
        return election
    return replace(election, fitter_since=fitter_since, free_since=free_since, unsure_since=unsure_since)


def find_situation(election: Election, facts: Facts, policy: ElectionPolicy, now: float) -> Situation:
    """What the facts amount to."""
    match facts.holder:
        case Holder.OWN:
            return _holding(election, facts, policy, now)
        case _ if not facts.sighted:
            return Situation.BLIND
        case Holder.OTHER:
            return _led(election, facts, policy, now)
        case Holder.NOBODY:
            return _free(election, facts, policy, now)
        case Holder.UNKNOWN:
            return Situation.CLOSED


def _holding(election: Election, facts: Facts, policy: ElectionPolicy, now: float) -> Situation:
    asks = facts.challenge if facts.challenge and facts.challenge.node != facts.own.node else None
    if fitter(asks, facts.own, policy.deciding):
        return Situation.OUTRANKED
    if now >= facts.certain_until:
        since = now if election.unsure_since is None else election.unsure_since
        lapsed = facts.can_release and now - since >= policy.doubt
        return Situation.LAPSED if lapsed else Situation.UNSURE
    if facts.challenge is not None or facts.unread_challenge:
        return Situation.UNJUSTIFIED
    return Situation.SURE if facts.announced else Situation.CHANGED


def _led(election: Election, facts: Facts, policy: ElectionPolicy, now: float) -> Situation:
    if now >= facts.alive_until:
        return Situation.SILENT
    since = election.fitter_since
    asked = facts.challenge is not None and not fitter(facts.own, facts.challenge, policy.deciding)
    if since is not None and now - since >= policy.superior and not asked:
        return Situation.OUTDONE
    return Situation.LED


def _free(election: Election, facts: Facts, policy: ElectionPolicy, now: float) -> Situation:
    since = now if election.free_since is None else election.free_since
    another = facts.challenge is not None and facts.challenge.node != facts.own.node
    fitter_asks = fitter(facts.challenge, facts.own, policy.deciding)
    waits = another and fitter_asks
    # Whoever cannot deliver lets others try first, even if nobody has asked; but not when it was given up to this one,
    # or whoever did so would have it back, and be asked again, without an end.
    given = facts.challenge is not None and not another and not fitter_asks
    waits = waits or (facts.own.delivers is False and not given)
    if (waits and now - since < policy.yields) or now < election.back_at:
        return Situation.ASKED
    return Situation.FREE


_REASONS: Mapping[Situation, str] = {
    Situation.BLIND: "this node does not see what the election hangs on",
    Situation.CLOSED: "who holds the lock cannot be learnt",
    Situation.FREE: "nobody holds the lock",
    Situation.ASKED: "the lock is left to a node that is fitter to report",
    Situation.SILENT: "the holder of the lock gives no sign of life",
    Situation.SURE: "this node holds the lock",
    Situation.CHANGED: "this node holds the lock",
    Situation.UNJUSTIFIED: "this node holds the lock",
    Situation.OUTRANKED: "a node that is fitter to report takes the lock over from this one",
    Situation.UNSURE: "this node held the lock and cannot be certain that it still does",
    Situation.LAPSED: "this node could not make certain of its lock and gives it up",
}


def _explain(situation: Situation, facts: Facts) -> str:
    if situation in (Situation.LED, Situation.OUTDONE):
        return f"{shown(facts.leader)} holds the lock"
    if situation in (Situation.SURE, Situation.CHANGED, Situation.UNJUSTIFIED) or not facts.why:
        return _REASONS[situation]
    return f"{_REASONS[situation]} ({facts.why})"


def word(election: Election, facts: Facts, ledger: Ledger | None, at: Instant) -> Word:
    """What the core is told: by right, whom it follows, or that nobody is known to lead since when."""
    match election.standing:
        case Standing.LEADING:
            good_for = max(0.0, facts.certain_until - at.monotonic)
            return Leader(why=election.why, at=at, ledger=ledger, good_for=good_for)
        case Standing.FOLLOWING:
            leader = facts.leader or Candidate("")
            return Follower(
                leader=leader.node, why=election.why, at=at, ledger=ledger, delivers=leader.delivers
            )
        case _:
            since = at.monotonic if election.known_at is None else election.known_at
            return NoElection(why=election.why, since=since, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDraft:
    """What this monitor wants written into the ledger; nobody but the leader writes there.

    `wanted`: not written yet, None: nothing. `as_leader`: it was made while leading, and not while all reported.
    `written`: what this monitor last knew to stand there.
    """

    wanted: Ledger | None = None
    as_leader: bool = False
    written: Ledger | None = None

    def want(self, entries: Ledger, standing: Standing) -> "LedgerDraft":
        """The newest replaces what is not written yet; a follower has nothing to write."""
        if standing is Standing.FOLLOWING:
            return self
        return replace(self, wanted=entries, as_leader=standing is Standing.LEADING)

    def gained(self, found: Ledger | None) -> "LedgerDraft":
        """This monitor leads from now on, and `found` was read after that (None: it could not be read).

        What it reported while nobody was elected belongs into the ledger, too. What it had not written as the leader
        holds if nobody has written there since; otherwise another's word is newer.
        """
        wanted, written = self.wanted, self.written
        draft = LedgerDraft(written=found)
        if wanted is None:
            return draft
        if not self.as_leader:
            return replace(draft, wanted={**(found or {}), **wanted}, as_leader=True)
        if found in (written, wanted):
            return replace(draft, wanted=wanted, as_leader=True)
        return draft

    def stored(self, entries: Ledger) -> "LedgerDraft":
        """`entries` stand there now."""
        return LedgerDraft(
            wanted=None if self.wanted is entries else self.wanted, as_leader=True, written=entries
        )

    def found(self, ledger: Ledger | None) -> "LedgerDraft":
        """As the leader: `ledger` stands there. Nobody else writes there; if it is not what this one has written, that
        was taken away or damaged, and is to be written again."""
        if self.wanted is not None or self.written is None or ledger == self.written:
            return self
        return replace(self, wanted=self.written, as_leader=True)

    def dropped(self) -> "LedgerDraft":
        """Another leads: its ledger is the truth by now."""
        return LedgerDraft()

    @property
    def current(self) -> Ledger | None:
        """What holds for this monitor as the leader: what it wants, or else what stands there."""
        return self.wanted if self.wanted is not None else self.written
