"""What the local agent's gossip has said of nodes while their datacentre's leader could not be followed.

In: looks at `/v1/agent/members`, and the leader's word whenever there is one. Out: how a node went that is
listed no more (`Known`). A leader that comes after a crash takes a dead *server* out of the catalogue some
10 s later, and gossip then calls it `left`, as if it had said good-bye: whoever follows the leader again
only after that has nothing but this memory to tell the two apart.

Pure. Gossip is a witness here, never a judge: its `failed` counts only as long as our own agent cannot have
been the one that was cut off, and only for a node that a leader, heard again, lists no more.
"""

from collections.abc import Collection, Mapping

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul.parse import Gossip, Known, Member

ALONE = 20.0
"""Seconds: an agent that is alone needs longer to call its first peer failed (memberlist: 24 s, six times as long as
an agent whose suspicion others confirm)."""


_A, _C, _F = Known.ALIVE, Known.CRITICAL, Known.FAILED
_L, _S, _U = Known.LEFT, Known.SILENT, Known.UNSEEN

MOVES: Mapping[tuple[Known, Gossip], tuple[Known, Known]] = {
    # Known before, and gossip's word: known after, by a sound look, and by one that may have missed anything.
    (_A, Gossip.ALIVE): (_A, _A),
    (_C, Gossip.ALIVE): (_A, _A),
    (_F, Gossip.ALIVE): (_A, _A),
    (_L, Gossip.ALIVE): (_A, _A),
    (_S, Gossip.ALIVE): (_A, _A),
    (_U, Gossip.ALIVE): (_A, _A),
    # Only a node that lives can be on its way out; a leader that buries a crashed server has it called so, too, by
    # agents that have not heard of the crash yet: a server's is only believed when its host answers.
    (_A, Gossip.LEAVING): (_L, _L),
    (_C, Gossip.LEAVING): (_L, _L),
    (_F, Gossip.LEAVING): (_L, _L),
    (_L, Gossip.LEAVING): (_L, _L),
    (_S, Gossip.LEAVING): (_L, _L),
    (_U, Gossip.LEAVING): (_L, _L),
    # Not a good-bye for sure: a leader may have buried a crashed server within one moment.
    (_A, Gossip.LEFT): (_U, _U),
    (_C, Gossip.LEFT): (_C, _U),
    (_F, Gossip.LEFT): (_F, _U),
    (_L, Gossip.LEFT): (_L, _L),
    # Silent is said after a look (`fell_silent`); whoever was deaf since may have missed its return.
    (_S, Gossip.LEFT): (_S, _U),
    (_U, Gossip.LEFT): (_U, _U),
    (_A, Gossip.FAILED): (_F, _U),
    (_C, Gossip.FAILED): (_C, _U),
    (_F, Gossip.FAILED): (_F, _U),
    # It came back and was lost, which nobody saw.
    (_L, Gossip.FAILED): (_U, _U),
    (_S, Gossip.FAILED): (_U, _U),
    # It may have left while we were deaf: gossip that has not caught up with that goes on saying failed.
    (_U, Gossip.FAILED): (_U, _U),
    (_A, Gossip.NONE): (_U, _U),
    (_C, Gossip.NONE): (_C, _U),
    (_F, Gossip.NONE): (_F, _U),
    (_L, Gossip.NONE): (_L, _L),
    (_S, Gossip.NONE): (_S, _U),
    (_U, Gossip.NONE): (_U, _U),
}
"""Every pair has its row."""

UNTIL_BELIEVED: Mapping[Known, tuple[Known, Known]] = {
    # A failure that was seen stays seen: whoever calls it leaving now may be late to hear of its burial.
    _A: (_U, _U),
    _C: (_C, _U),
    _F: (_F, _U),
    _L: (_L, _L),
    _S: (_S, _U),
    _U: (_U, _U),
}
"""Known before, and known while a server's good-bye is not believed: by a sound look, and by one that is not."""


class GossipMemory:
    """What is known of each node of one datacentre, from its leader's last word on; outlives a watch.

    What an answer shows was so when it was asked for: moments are those of questions. It keeps only what differs from
    the leader's last list, so that it costs nothing while all is well.
    """

    def __init__(self) -> None:
        """Nothing is known: a node is UNSEEN until the leader or gossip has called it alive."""
        self._leaders: Mapping[str, bool] = {}
        self._differing: dict[str, Known] = {}
        self._answered_at: Instant | None = None
        self._followed_at: Instant | None = None

    @property
    def members(self) -> int:
        """How many nodes the leader listed last; 0 before it spoke."""
        return len(self._leaders)

    def known(self, node: str) -> Known:
        """What is known of the node at present."""
        found = self._differing.get(node)
        if found is not None:
            return found
        passing = self._leaders.get(node)
        return Known.UNSEEN if passing is None else Known.ALIVE if passing else Known.CRITICAL

    def others_answer(self, at: Instant) -> None:
        """A server other than our own agent has answered something: our agent was not alone at this moment."""
        self._answered_at = _later(at, self._answered_at)

    def leader_says(self, health: Mapping[str, bool], at: Instant) -> None:
        """The leader's list (node -> not critical) is this, and was followed up to this moment.

        What was known of a node that it lists no more is kept until `forget`.
        """
        if health is not self._leaders:
            vanished = {node: self.known(node) for node in self._leaders.keys() - health.keys()}
            self._differing |= vanished
            self._leaders = health
        self._differing = {node: known for node, known in self._differing.items() if node not in health}
        self._followed_at = _later(at, self._followed_at)
        self.others_answer(at)

    def look(self, members: Mapping[str, Member], at: Instant) -> frozenset[str]:
        """Gossip listed these members then; returns the servers that have left if their good-bye is to be believed.

        Until `believe` says that it is, `UNTIL_BELIEVED` says what is known of them.

        Sound is a look if neither gossip nor a server of the datacentre was out of reach for so long that we could
        be the cut-off ones, and most of the others are heard.
        """
        leaving: set[str] = set()
        sound = (
            _within(ALONE, self._followed_at, at)
            and _within(ALONE, self._answered_at, at)
            and most_are_heard(members)
        )
        for node in self._leaders.keys() | members.keys() | self._differing.keys():
            member = members.get(node)
            before = self.known(node)
            after = MOVES[before, status_of(member)][0 if sound else 1]
            if after is Known.LEFT and before is not after and member is not None and member.server:
                leaving.add(node)
                after = UNTIL_BELIEVED[before][0 if sound else 1]
            if after is not before:
                self._differing[node] = after
        self._followed_at = at
        return frozenset(leaving)

    def believe(self, node: str) -> None:
        """The good-bye of this server is its own: its host answers. One that was seen alive since has taken it back."""
        if self.known(node) is not Known.ALIVE:
            self._differing[node] = Known.LEFT

    def fell_silent(self, node: str) -> None:
        """This server was followed until it was called left, was not seen leaving, and its host answers nothing."""
        if self.known(node) in (Known.ALIVE, Known.UNSEEN):
            self._differing[node] = Known.SILENT

    def not_silent(self, node: str) -> None:
        """Of a server that fell silent it cannot be said that it went silently: its host has answered, say."""
        if self.known(node) is Known.SILENT:
            self._differing[node] = Known.UNSEEN

    def lived(self, node: str) -> None:
        """The host of this server has answered since it went: that gossip called it failed says nothing any more."""
        if self.known(node) is Known.FAILED:
            self._differing[node] = Known.UNSEEN

    @property
    def silent(self) -> frozenset[str]:
        """The servers that fell silent."""
        return frozenset(node for node, known in self._differing.items() if known is Known.SILENT)

    def forget(self, unsettled: Collection[str] = ()) -> None:
        """What differs from the leader's list has been told, and is kept by whom it was told.

        But for the silent, and for these: of those it may not be settled yet.
        """
        kept = self.silent.union(unsettled)
        self._differing = {node: known for node, known in self._differing.items() if node in kept}


def _later(one: Instant, other: Instant | None) -> Instant:
    return one if other is None or one.monotonic > other.monotonic else other


def _within(seconds: float, before: Instant | None, now: Instant) -> bool:
    """Whether no more than so many seconds have passed; those in which the computer was suspended have passed, too."""
    return before is not None and now.monotonic <= before.old_at(seconds, now)


def status_of(member: Member | None) -> Gossip:
    """Gossip's word on a member; NONE when it has none, or one that this release does not know."""
    return Gossip(member.status) if member is not None and member.status in _STATUSES else Gossip.NONE


_STATUSES = frozenset(Gossip)


def most_are_heard(members: Mapping[str, Member]) -> bool:
    """Whether gossip calls more than half alive, of all members and of the servers, that have not left."""
    there = [member for member in members.values() if member.status in (Gossip.ALIVE, Gossip.FAILED)]
    servers = [member for member in there if member.server]
    return all(sum(m.status == Gossip.ALIVE for m in group) * 2 > len(group) for group in (there, servers))
