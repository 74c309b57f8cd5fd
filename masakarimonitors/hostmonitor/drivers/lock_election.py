"""What every election by a lock has in common, whatever the lock is: this monitor's standing, its draft of the ledger,
and what the core hears of both.

In: the facts that the engine shows, whether this monitor's way to masakari works, `WriteLedger`. Out: one act for the
engine's hand; `Leader`, `Follower` or `NoElection`. By which rules stands in `core/election/election.py`.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence

from masakarimonitors.core.decision import Command, Instant
from masakarimonitors.hostmonitor.core.election import election
from masakarimonitors.hostmonitor.core.election.election import (
    Act,
    Election,
    ElectionPolicy,
    Facts,
    Ledger,
    LedgerDraft,
    Standing,
)
from masakarimonitors.hostmonitor.core.election.unread import Part, told
from masakarimonitors.hostmonitor.core.observation import Observation, WriteLedger
from masakarimonitors.hostmonitor.drivers.base import LeadershipFeed

LOG = logging.getLogger(__name__)

_STANDS = 1.0
"""Seconds for which another ledger must stand there: an answer that is under way may be older than what was written."""
_REPAIRS = 5.0
"""Seconds between two times at which a ledger is written again that was taken away: somebody may do so all the time."""

_UNWRITTEN = (
    "the ledger of reported hosts cannot be written, though this monitor is the reporter ({fault}): whoever takes over "
    "goes by what it has seen itself and by what masakari lists. It is tried again; masakari-monitors check says what "
    "this monitor may not write"
)


def two_of_one_name(does: str, name: str) -> str:
    """For people: what another process `does` as this host's monitor."""
    return (
        f"another process {does} of the election under this host's name, {name}: two monitors run on one host, or two "
        "hosts have one name. Only one of both reports; end the other, or give each host its own name"
    )


def _nothing() -> None:
    """Nobody waits for it."""


class LockElection:
    """This monitor's part in one election by a lock.

    `draft` is what it wants written; whoever writes it notes there what then stands in the store.
    """

    def __init__(
        self,
        policy: ElectionPolicy,
        *,
        places: Mapping[Part, str],
        on_path_changed: Callable[[], None],
        on_wanted: Callable[[], None],
        on_gained: Callable[[], None] = _nothing,
    ) -> None:
        """`places`: where each part stands, for people. `on_path_changed` is called when the own way works otherwise
        than before, `on_wanted` when a ledger is to be written, `on_gained` when this monitor has begun to lead."""
        self._policy = policy
        self._on_path_changed = on_path_changed
        self._on_wanted = on_wanted
        self._on_gained = on_gained
        self._feed = LeadershipFeed()
        self._election = Election()
        self._places = places
        self._unread: frozenset[Part] = frozenset()
        self._unwritten = ""
        self.delivers: bool | None = None
        self.draft = LedgerDraft()
        self._repaired_at = -math.inf
        self._differs_since: float | None = None

    @property
    def standing(self) -> Standing:
        """What this monitor is in the election."""
        return self._election.standing

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what stands there that cannot be read, and what cannot be written though this monitor leads."""
        leads = self.standing is Standing.LEADING
        unwritten = [_UNWRITTEN.format(fault=self._unwritten)] if leads and self._unwritten else []
        return unwritten + [told(part, self._places[part]) for part in sorted(self._unread)]

    def cannot_read(self, parts: Collection[Part]) -> None:
        """These parts of what was shown last cannot be read, and all others can."""
        for part in sorted(frozenset(parts) - self._unread):
            sentence = told(part, self._places[part])
            LOG.warning("%s%s", sentence[0].upper(), sentence[1:])
        self._unread = frozenset(parts)

    def cannot_write(self, fault: str) -> None:
        """The ledger cannot be written for now, by the monitor that holds the lock; empty: it can."""
        if fault and not self._unwritten:
            LOG.warning("The ledger of reported hosts could not be written, it is tried again: %s", fault)
        self._unwritten = fault

    def begin(self, emit: Callable[[Observation], None], now: float) -> None:
        """Speak to `emit` from monotonic second `now` on: at each start of the source."""
        self._feed.begin(emit)
        self._election = self._election.begun(now)

    def on_path(self, works: bool) -> None:
        """Note whether this node's own way to masakari works: part of what it is fit for."""
        self.delivers = works
        self._on_path_changed()

    async def perform(self, command: Command) -> Observation | None:
        """Answer `WriteLedger`: the newest ledger is kept until it is written, or somebody else leads."""
        if isinstance(command, WriteLedger):
            self.draft = self.draft.want(command.entries, self.standing)
            self._on_wanted()
        return None

    def challenged(self, now: float) -> None:
        """The challenge was written at monotonic second `now`."""
        self._election = self._election.challenged(now)

    def judge(self, facts: Facts, found: Ledger | None, at: Instant) -> Act:
        """What follows from the facts of now, and from the ledger that is found; whoever is to hear of it is told."""
        before = self.standing
        self._election, act = election.step(self._election, facts, self._policy, at.monotonic)
        if self.standing is not before:
            LOG.info(
                "The election of the reporter: this monitor is %s now: %s", self.standing, self._election.why
            )
            if self.standing is Standing.LEADING:
                self.draft = self.draft.gained(found)
                # Of before, be it the answer that came when it led no more.
                self._unwritten = ""
                self._on_gained()
            elif self.standing is Standing.FOLLOWING:
                self.draft = self.draft.dropped()
        if self.standing is Standing.LEADING:
            self._repair(found, at.monotonic)
        ledger = self.draft.current if self.standing is Standing.LEADING else found
        self._feed.say(election.word(self._election, facts, ledger, at))
        return act

    def _repair(self, found: Ledger | None, now: float) -> None:
        draft = self.draft.found(found)
        if draft is self.draft:
            self._differs_since = None
            return
        if self._differs_since is None:
            self._differs_since = now
        if now - self._differs_since < _STANDS or now - self._repaired_at < _REPAIRS:
            return
        LOG.warning(
            "The ledger that this monitor has written (%s) was changed or taken away: it is written again",
            self._places[Part.LEDGER],
        )
        self._repaired_at = now
        self.draft = draft
        self._on_wanted()
