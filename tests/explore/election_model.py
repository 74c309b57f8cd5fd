"""Three monitors, one store, and all that may go wrong between them: the election's policy with its hands, as a model.

The policy is the package's own (`core/election/election.py`); the hands do in one go what an elector does with Consul:
renew its session, read, judge, act. The store keeps Consul's promises: a session ends no earlier than its time-to-live
after its last renewal unless its node is called lost, a lock that was lost with it is kept from all for the lock-delay,
and a released one is not. Time passes by ticks, each monitor has its turn in each; every duration counts in ticks and
is kept as what is left of it, so that moments that differ by the clock alone are one.
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
# As the real ones stand to each other: certain < ttl, lock-delay = certain, beat < unwritten < unheard.
CERTAIN, DELAY, TTL, BEAT, UNWRITTEN, UNHEARD = 3, 3, 5, 2, 4, 7
LONGEST = 25

Fitness = tuple[bool, bool]
"""Whether a monitor sees the link that decides, and whether its way to masakari works."""
Lock = tuple[int, bool]
"""Who holds it, and whether by a session that the monitor itself has given up."""


class Record(NamedTuple):
    """What one reading showed."""

    lock: Lock | None
    claim: Fitness | None
    challenge: tuple[int, Fitness] | None


class Node(NamedTuple):
    """One monitor: what it knows, what it last said, and what is wrong with it."""

    standing: Standing = Standing.SEEKING
    known: int = 0
    fitter: int | None = None
    free: int | None = None
    unsure: int | None = None
    back: int = 0
    session: bool = False
    until: int = 0
    written: int = 0
    alive: int = 0
    beat: int = 0
    record: Record | None = None
    leads: int = 0
    """For so long it has said that it leads: the core sends by that, whatever its elector does meanwhile."""
    follows: int | None = None
    sign: bool = False
    """The holder has written since this one read."""
    runs: bool = True
    reaches: bool = True
    sees: bool = True
    delivers: bool = True
    may_write: bool = True
    """Its token has the right to; a session it may keep in any case."""
    had_turn: bool = False

    @property
    def claim(self) -> Fitness:
        return self.sees, self.delivers


class World(NamedTuple):
    """All monitors and the store. `sessions`: ticks since a renewal; `old`: of one that was given up and holds."""

    nodes: tuple[Node, ...] = (Node(),) * COUNT
    lock: Lock | None = None
    claim: Fitness | None = None
    challenge: tuple[int, Fitness] | None = None
    sessions: tuple[int | None, ...] = (None,) * COUNT
    old: int = 0
    delay: int = 0
    writable: bool = True

    def put(self, i: int, node: Node) -> "World":
        return self._replace(nodes=(*self.nodes[:i], node, *self.nodes[i + 1 :]))

    def set_session(self, i: int, age: int | None) -> "World":
        return self._replace(sessions=(*self.sessions[:i], age, *self.sessions[i + 1 :]))


def moves(world: World) -> Iterator[tuple[str, int, World]]:
    """What may happen next: its name, how much of the world's ill will it takes, and what it makes of the world."""
    waiting = [i for i, node in enumerate(world.nodes) if node.runs and not node.had_turn]
    for i in waiting:
        # Another order than the usual one is ill will, too: so the search comes deeper.
        yield f"{i} has its turn", int(i != waiting[0]), turn(world, i)
        for lost in ("renewal", "act"):
            yield f"{i} has its turn, the answer to its {lost} is lost", 1, turn(world, i, lost)
    if not waiting:
        yield "tick", 0, tick(world)
    if any(node.had_turn for node in world.nodes):
        return  # what goes wrong goes wrong between two rounds; within one it only multiplies them
    yield f"writes {'fail' if world.writable else 'go well'}", 1, world._replace(writable=not world.writable)
    for i, node in enumerate(world.nodes):
        yield f"{i} {'stops' if node.runs else 'goes on'}", 1, world.put(i, node._replace(runs=not node.runs))
        if not node.runs:
            continue
        yield f"{i} delivers: {not node.delivers}", 1, world.put(i, node._replace(delivers=not node.delivers))
        yield f"{i} sees: {not node.sees}", 1, world.put(i, node._replace(sees=not node.sees))
        yield f"{i} reaches: {not node.reaches}", 1, world.put(i, node._replace(reaches=not node.reaches))
        yield (
            f"{i} may write: {not node.may_write}",
            1,
            world.put(i, node._replace(may_write=not node.may_write)),
        )
        if world.sessions[i] is not None and world.writable:
            yield f"the session of {i} is ended", 1, end_session(world, i)


# --- the store ------------------------------------------------------------------------------------------------


def end_session(world: World, i: int) -> World:
    world = world.set_session(i, None)
    if world.lock == (i, False):
        world = world._replace(lock=None, claim=None, delay=DELAY)
    return world


def tick(world: World) -> World:
    """Time passes, and everybody may have a turn again."""
    nodes = tuple(
        node._replace(
            known=max(node.known - 1, -LONGEST),
            fitter=_aged(node.fitter),
            free=_aged(node.free),
            unsure=_aged(node.unsure),
            back=max(node.back - 1, 0),
            until=max(node.until - 1, 0),
            written=max(node.written - 1, 0),
            alive=max(node.alive - 1, 0),
            beat=max(node.beat - 1, 0),
            leads=max(node.leads - 1, 0),
            had_turn=False,
        )
        for node in world.nodes
    )
    ages = tuple(None if age is None else min(age + 1, TTL) for age in world.sessions)
    world = world._replace(
        nodes=nodes, sessions=ages, old=min(world.old + 1, TTL), delay=max(world.delay - 1, 0)
    )
    if not world.writable:
        return world  # to end a session is to write
    for i, age in enumerate(ages):
        if age == TTL:
            world = end_session(world, i)
    if world.lock is not None and world.lock[1] and world.old == TTL:
        world = world._replace(lock=None, claim=None, delay=DELAY)
    return world


def _aged(since: int | None) -> int | None:
    return None if since is None else max(since - 1, -9)


# --- a monitor's turn -----------------------------------------------------------------------------------------


def turn(world: World, i: int, lost: str = "") -> World:
    """Renew, read, judge, act, and judge again where the act has told something new."""
    node = world.nodes[i]._replace(had_turn=True)
    if node.session and node.reaches and node.standing not in (Standing.RELEASING, Standing.FOLLOWING):
        world, node = _renew(world, i, node, lost == "renewal")
    if node.reaches:
        node = _read(world, node)
    elif _holder(i, node) is not Holder.OWN:
        node = node._replace(record=None)
    # Electors look more often than they act: at the clock, at each answer.
    node, _ = _judge(i, node)
    node, act = _judge(i, node)
    world = world.put(i, node)
    if act is not Act.NOTHING and node.reaches:
        world = _carry_out(world, i, act, lost == "act")
        node = world.nodes[i]
        if not lost:
            node, _ = _judge(i, _read(world, node) if act is Act.ACQUIRE else node)
            world = world.put(i, node)
    return world


def _renew(world: World, i: int, node: Node, lost: bool) -> tuple[World, Node]:
    if world.sessions[i] is not None:
        world = world.set_session(i, 0)
        return world, node if lost else node._replace(until=CERTAIN)
    return world, node if lost else node._replace(session=False, until=0)


def _read(world: World, node: Node) -> Node:
    before = node.record.lock if node.record else None
    alive = UNHEARD if node.sign or before != world.lock else node.alive
    return node._replace(record=Record(world.lock, world.claim, world.challenge), alive=alive, sign=False)


def _holder(i: int, node: Node) -> Holder:
    if node.record is None:
        return Holder.UNKNOWN
    if node.record.lock is None:
        return Holder.NOBODY
    holder, given_up = node.record.lock
    if holder != i:
        return Holder.OTHER
    return Holder.UNKNOWN if given_up or not node.session else Holder.OWN


def _candidate(i: int, claim: Fitness) -> Candidate:
    return Candidate(str(i), frozenset({"link"} if claim[0] else ()), claim[1])


def _judge(i: int, node: Node) -> tuple[Node, Act]:
    record, holder = node.record, _holder(i, node)
    certain = min(node.until, node.written)
    leader = record.lock[0] if record and record.lock else None
    facts = Facts(
        own=_candidate(i, node.claim),
        holder=holder,
        leader=_candidate(leader, record.claim) if record and record.claim and leader is not None else None,
        challenge=_candidate(*record.challenge) if record and record.challenge else None,
        certain_until=certain,
        alive_until=node.alive,
        announced=record is not None and record.claim == node.claim and node.beat > 0,
        can_release=node.until > 0,
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
    leads = after.standing is Standing.LEADING
    return (
        node._replace(
            standing=after.standing,
            known=int(after.known_at or 0),
            fitter=_since(after.fitter_since),
            free=_since(after.free_since),
            unsure=_since(after.unsure_since),
            back=int(max(after.back_at, 0)),
            leads=certain if leads else 0,
            follows=leader if after.standing is Standing.FOLLOWING else None,
        ),
        act,
    )


def _since(at: float | None) -> int | None:
    return None if at is None else int(at)


def _carry_out(world: World, i: int, act: Act, lost: bool) -> World:
    if not world.writable:
        if act is Act.RELEASE:
            # It forgets its session; the store does not.
            world = _given_up(world, i)
        return world
    node = world.nodes[i]
    if not node.may_write:
        if act is Act.RELEASE:
            # The lock goes with its session.
            world = end_session(world, i)
            world = world.put(i, node._replace(session=False, until=0, record=None))
        return world
    match act:
        case Act.ACQUIRE:
            if world.sessions[i] is None:
                if lost:
                    return world.put(i, node._replace(session=False, until=0))
                world, node = world.set_session(i, 0), node._replace(session=True, until=CERTAIN)
            else:
                world, node = world.set_session(i, 0), node._replace(until=node.until if lost else CERTAIN)
            world = world.put(i, node)
            if (world.lock is None and not world.delay) or world.lock == (i, False):
                world = _written(world, i, lost)._replace(challenge=world.challenge if lost else None)
        case Act.RENEW | Act.ANNOUNCE if world.lock == (i, False):
            world = _written(world, i, lost)
        case Act.RENEW | Act.ANNOUNCE if not lost:
            world = world.put(i, node._replace(record=None))
        case Act.CHALLENGE:
            world = world._replace(challenge=(i, node.claim)).put(i, node._replace(fitter=0))
        case Act.DROP:
            world = world._replace(challenge=None)
        case Act.RELEASE:
            if world.lock == (i, False):
                world = world._replace(lock=None, claim=None)
            world = _given_up(world, i)
    return world


def _given_up(world: World, i: int) -> World:
    age = world.sessions[i]
    if world.lock == (i, False):
        world = world._replace(lock=(i, True), old=age or 0)
    node = world.nodes[i]._replace(session=False, until=0, record=None)
    return world.set_session(i, None).put(i, node)


def _written(world: World, i: int, lost: bool) -> World:
    """The holder writes about itself: all the others have a sign of its life."""
    own = world.nodes[i]
    nodes = tuple(node if n == i else node._replace(sign=True) for n, node in enumerate(world.nodes))
    world = world._replace(nodes=nodes, lock=(i, False), claim=own.claim)
    if not lost:
        record = own.record and own.record._replace(claim=own.claim)
        world = world.put(i, own._replace(written=UNWRITTEN, beat=BEAT, record=record))
    return world


# --- what must hold -------------------------------------------------------------------------------------------


def unsettled(world: World) -> str:
    """What is wrong where nothing has happened for long."""
    there = [i for i, node in enumerate(world.nodes) if node.runs and node.reaches and world.writable]
    return badly_led(world.nodes, [i for i in there if world.nodes[i].may_write], there)


def let_be(world: World) -> World:
    """One round in which nothing goes wrong."""
    for i, node in enumerate(world.nodes):
        if node.runs and not node.had_turn:
            world = turn(world, i)
    return tick(world)


CONSUL = Ballot(
    name="the election by a lock with a session, three monitors",
    start=World(),
    moves=moves,
    let_be=let_be,
    unsafe=lambda world: several_lead(world.nodes),
    unsettled=unsettled,
    rounds=LONGEST + 40,
)
"""After so many rounds everything has run out that can."""
