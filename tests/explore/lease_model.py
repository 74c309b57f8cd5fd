"""Three monitors, one Lease, and all that may go wrong between them: the election's policy with its hands, as a model.

The policy is the package's own (`core/election/election.py`); the hands do in one go what the Kubernetes driver's
elector does: read, judge, write. The API server keeps one promise: a write is carried out only if nobody has written
since the writer read. Time passes by ticks, each monitor has its turn in each; every duration counts in ticks and is
kept as what is left of it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from masakarimonitors.hostmonitor.core.election.candidate import Candidate
from masakarimonitors.hostmonitor.core.election.election import (
    Act,
    Election,
    ElectionPolicy,
    Facts,
    Holder,
    Standing,
    step,
)
from tests.explore.elections import Ballot, badly_led, several_lead

COUNT = 3
POLICY = ElectionPolicy(deciding=frozenset({"link"}), superior=2, yields=1, doubt=2, blind_counts=15)
# As the real ones stand to each other: renew < deadline < duration.
DEADLINE, DURATION = 2, 3
MISSING = DEADLINE
"""So long nobody acquires a Lease that was made anew."""
LONGEST = 25

Fitness = tuple[bool, bool]
"""Whether a monitor sees the link that decides, and whether its way to masakari works."""


class Lease(NamedTuple):
    """What stands there; `holder` None: it was released; `blank`: nobody has ever held it."""

    holder: int | None = None
    claim: Fitness | None = None
    challenge: tuple[int, Fitness] | None = None
    blank: bool = False


class Node(NamedTuple):
    """One monitor: what it knows, what it last said, and what is wrong with it. `read`: whether it has read a Lease, or
    that there is none; `met`: it has ever read one; `another`: the one that it read last was deleted since; `current`:
    nobody has written since; `renewed`: it was renewed since; `alive`: so long it counts as held."""

    standing: Standing = Standing.SEEKING
    known: int = 0
    fitter: int | None = None
    free: int | None = None
    unsure: int | None = None
    back: int = 0
    read: bool = False
    lease: Lease | None = None
    met: bool = False
    another: bool = False
    current: bool = False
    renewed: bool = False
    alive: int = 0
    anew: int = 0
    until: int = 0
    leads: int = 0
    follows: int | None = None
    runs: bool = True
    reaches: bool = True
    sees: bool = True
    delivers: bool = True
    had_turn: bool = False

    @property
    def claim(self) -> Fitness:
        return self.sees, self.delivers


class World(NamedTuple):
    """All monitors and the Lease."""

    nodes: tuple[Node, ...] = (Node(),) * COUNT
    lease: Lease | None = None
    writable: bool = True

    def put(self, i: int, node: Node) -> "World":
        return self._replace(nodes=(*self.nodes[:i], node, *self.nodes[i + 1 :]))


def moves(world: World) -> Iterator[tuple[str, int, World]]:
    """What may happen next: its name, how much of the world's ill will it takes, and what it makes of the world."""
    waiting = [i for i, node in enumerate(world.nodes) if node.runs and not node.had_turn]
    for i in waiting:
        yield f"{i} has its turn", int(i != waiting[0]), turn(world, i)
        yield f"{i} has its turn, the answer to its write is lost", 1, turn(world, i, lost=True)
        yield f"{i} has its turn, and writes by what it read before", 1, turn(world, i, reads=False)
    if not waiting:
        yield "tick", 0, tick(world)
    if any(node.had_turn for node in world.nodes):
        return  # what goes wrong goes wrong between two rounds; within one it only multiplies them
    yield f"writes {'fail' if world.writable else 'go well'}", 1, world._replace(writable=not world.writable)
    if world.lease is not None:
        yield "the Lease is deleted", 1, _written(world, None)
        yield "the Lease is deleted, and made anew without a holder", 1, _made_anew(world, Lease(blank=True))
        yield "the Lease is emptied", 1, _written(world, Lease(blank=True))
    for i, node in enumerate(world.nodes):
        yield f"{i} {'stops' if node.runs else 'goes on'}", 1, world.put(i, node._replace(runs=not node.runs))
        if not node.runs:
            continue
        yield f"{i} delivers: {not node.delivers}", 1, world.put(i, node._replace(delivers=not node.delivers))
        yield f"{i} sees: {not node.sees}", 1, world.put(i, node._replace(sees=not node.sees))
        yield f"{i} reaches: {not node.reaches}", 1, world.put(i, node._replace(reaches=not node.reaches))
        yield f"{i} begins anew", 1, world.put(i, Node(sees=node.sees, delivers=node.delivers))


def tick(world: World) -> World:
    """Time passes, and everybody may have a turn again."""
    nodes = tuple(
        node._replace(
            known=max(node.known - 1, -LONGEST),
            fitter=_aged(node.fitter),
            free=_aged(node.free),
            unsure=_aged(node.unsure),
            back=max(node.back - 1, 0),
            alive=max(node.alive - 1, 0),
            anew=max(node.anew - 1, 0),
            until=max(node.until - 1, 0),
            leads=max(node.leads - 1, 0),
            had_turn=False,
        )
        for node in world.nodes
    )
    return world._replace(nodes=nodes)


def _aged(since: int | None) -> int | None:
    return None if since is None else max(since - 1, -9)


# --- a monitor's turn -----------------------------------------------------------------------------------------


def turn(world: World, i: int, *, lost: bool = False, reads: bool = True) -> World:
    """Read, judge, write, and judge again."""
    node = world.nodes[i]._replace(had_turn=True)
    if node.reaches and reads:
        node = _read(world, node)
    elif not node.reaches and _holder(i, node) is not Holder.OWN:
        node = node._replace(read=False, lease=None)
    # Electors look more often than they act: at the clock, at each answer.
    node, _ = _judge(i, node)
    node, act = _judge(i, node)
    world = world.put(i, node)
    if not node.reaches or not world.writable or not node.read:
        return world
    if node.lease is None:
        return world if world.lease is not None else _make(world, i, lost)
    if act is Act.NOTHING:
        return world
    if not node.current:
        return world  # somebody has written meanwhile: 409
    world = _carry_out(world, i, act, lost)
    return world.put(i, _judge(i, world.nodes[i])[0])


def _read(world: World, node: Node) -> Node:
    if world.lease is None:
        return node._replace(read=True, lease=None, current=True, renewed=False)
    fresh = node.lease is None or node.renewed
    alive = DURATION + 1 if fresh else node.alive
    emptied = world.lease.blank and not (node.lease is not None and node.lease.blank and node.current)
    return node._replace(
        read=True,
        lease=world.lease,
        met=True,
        another=False,
        current=True,
        renewed=False,
        alive=alive,
        anew=MISSING if emptied or (node.met and node.another) else node.anew,
    )


def _holder(i: int, node: Node) -> Holder:
    if not node.read or node.lease is None:
        return Holder.UNKNOWN
    holder = node.lease.holder
    if holder not in (None, i) and node.alive > 0:
        return Holder.OTHER
    if node.anew > 0:
        return Holder.UNKNOWN
    return Holder.OWN if holder == i else Holder.NOBODY


def _candidate(i: int, claim: Fitness) -> Candidate:
    return Candidate(str(i), frozenset({"link"} if claim[0] else ()), claim[1])


def _judge(i: int, node: Node) -> tuple[Node, Act]:
    lease, holder = node.lease or Lease(), _holder(i, node)
    leader = lease.holder
    facts = Facts(
        own=_candidate(i, node.claim),
        holder=holder,
        leader=_candidate(leader, lease.claim) if leader is not None and lease.claim else None,
        challenge=_candidate(*lease.challenge) if lease.challenge else None,
        certain_until=node.until,
        announced=lease.claim == node.claim and node.until >= DEADLINE,
    )
    election = Election(
        known_at=node.known,
        standing=node.standing,
        fitter_since=node.fitter,
        free_since=node.free,
        unsure_since=node.unsure,
        back_at=node.back,
    )
    after, act = step(election, facts, POLICY, 0)
    return (
        node._replace(
            standing=after.standing,
            known=int(after.known_at or 0),
            fitter=_since(after.fitter_since),
            free=_since(after.free_since),
            unsure=_since(after.unsure_since),
            back=int(max(after.back_at, 0)),
            leads=node.until if after.standing is Standing.LEADING else 0,
            follows=leader if after.standing is Standing.FOLLOWING else None,
        ),
        act,
    )


def _since(at: float | None) -> int | None:
    return None if at is None else int(at)


def _carry_out(world: World, i: int, act: Act, lost: bool) -> World:
    node, before = world.nodes[i], world.nodes[i].lease
    match act:
        case Act.ACQUIRE | Act.RENEW | Act.ANNOUNCE | Act.DROP:
            return _put(world, i, Lease(i, node.claim), lost, until=DEADLINE)
        case Act.CHALLENGE if before is not None:
            world = _put(world, i, before._replace(challenge=(i, node.claim)), lost, renews=False)
            return world if lost else world.put(i, world.nodes[i]._replace(fitter=0))
        case Act.RELEASE if before is not None:
            return _put(world, i, Lease(challenge=before.challenge), lost, until=0)
    return world


def _make(world: World, i: int, lost: bool) -> World:
    """There is none: one that nobody holds, and that nobody acquires yet."""
    world = _put(world, i, Lease(blank=True), lost)
    return world if lost else world.put(i, _judge(i, world.nodes[i]._replace(anew=MISSING))[0])


def _put(
    world: World, i: int, lease: Lease, lost: bool, *, until: int | None = None, renews: bool = True
) -> World:
    """Written; its writer knows what stands there now, unless the answer is lost."""
    world = _written(world, lease, renews)
    if lost:
        return world
    own = world.nodes[i]._replace(lease=lease, met=True, another=False, current=True, renewed=False)
    if renews:
        own = own._replace(alive=DURATION + 1)
    return world.put(i, own if until is None else own._replace(until=until))


def _written(world: World, lease: Lease | None, renews: bool = True) -> World:
    gone = world.lease is None or lease is None
    nodes = tuple(
        node._replace(current=False, renewed=node.renewed or renews, another=node.another or gone)
        for node in world.nodes
    )
    return world._replace(nodes=nodes, lease=lease)


def _made_anew(world: World, lease: Lease) -> World:
    return _written(_written(world, None), lease)


# --- what must hold -------------------------------------------------------------------------------------------


def unsettled(world: World) -> str:
    """What is wrong where nothing has happened for long."""
    able = [i for i, node in enumerate(world.nodes) if node.runs and node.reaches and world.writable]
    return badly_led(world.nodes, able, able)


def let_be(world: World) -> World:
    """One round in which nothing goes wrong."""
    for i, node in enumerate(world.nodes):
        if node.runs and not node.had_turn:
            world = turn(world, i)
    return tick(world)


LEASE = Ballot(
    name="the election by a Lease, three monitors",
    start=World(),
    moves=moves,
    let_be=let_be,
    unsafe=lambda world: several_lead(world.nodes),
    unsettled=unsettled,
    rounds=LONGEST + 40,
)
