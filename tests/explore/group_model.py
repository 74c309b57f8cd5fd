"""Some monitors, Corosync's process group, and all that may go wrong between them: the group's pure half, as a model.

Who leads is the package's own (`corosync/election.py`, `core/election/election.py`), with its own constants; the hands
do in one go what the Pacemaker driver's elector does: read, beat, wait, judge. Corosync keeps its promises: the members
of one ring hear the same in the same order; where the network changes nothing is delivered until each side has formed
its ring, in its own time, and what was said meanwhile comes after that; a side without most of the hosts is blind
right then. Time passes by ticks of four seconds; now is always 0, and every moment is kept as how long ago it was.
"""

import datetime
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

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
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import election
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    AUTHORITY,
    WAY_MESSAGES,
    GroupChanged,
    GroupMessage,
    GroupView,
    Process,
)
from tests.explore.elections import Ballot

HOSTS = 3
ALL = frozenset(range(HOSTS))
TICK = 4
"""Seconds: whoever is in the group beats once in each."""
FORMS = 2
"""Ticks until a side has formed its ring: with the default token that is eight seconds."""
LONGEST = 20
"""Seconds: what is longer ago differs in nothing (`SILENCE` is the longest of its patiences)."""
DOUBT = 25.0 - AUTHORITY
POLICY = ElectionPolicy(doubt=DOUBT)

Side = frozenset[int]
Said = tuple[Process, bytes | None]
"""What a process says, in the order of its ring; None: that it is no member any more."""
News = GroupChanged | GroupMessage


class Times(dict[Any, Any]):
    """A mapping that has a hash."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


class Node(NamedTuple):
    """One host's monitor. `member`: it has joined the group, or asked to; `knows`: the members that it was told of;
    `sighted`: whether its ring is most of the hosts. `proven`, `changed`: how long ago what came back last was sent,
    and the group changed; `leads`: so long it says that it leads; `word`: whom it follows."""

    life: int = 0
    runs: bool = True
    hangs: bool = False
    sighted: bool = True
    delivers: bool = True
    member: bool = False
    knows: frozenset[Process] = frozenset()
    inbox: tuple[News, ...] = ()
    under_way: tuple[int, ...] = ()
    view: GroupView = GroupView(delivers=Times(), heard=Times(), led=Times())
    proven: int = LONGEST
    changed: int = TICK
    standing: Standing = Standing.SEEKING
    known: int = 0
    unsure: int | None = None
    leads: int = 0
    follows: int | None = None
    had_turn: bool = False


class Ring(NamedTuple):
    """Hosts that have agreed on an order. `waiting`: what happens once it is whole again; `agreed`: not only what
    others have left of one."""

    hosts: Side
    members: frozenset[Process] = frozenset()
    waiting: tuple[Said, ...] = ()
    agreed: bool = True


class World(NamedTuple):
    """All monitors and the network. `sides`: who reaches each other; `forming`: for how many ticks a side has been
    forming its ring; `still`: the host whose Corosync stands still; `written`: how many ledgers were, which is all that
    the wall clock counts."""

    nodes: tuple[Node, ...]
    rings: tuple[Ring, ...] = (Ring(ALL),)
    sides: frozenset[Side] = frozenset({ALL})
    forming: tuple[tuple[Side, int], ...] = ()
    still: int | None = None
    written: int = 0

    def put(self, i: int, node: Node) -> "World":
        return self._replace(nodes=(*self.nodes[:i], node, *self.nodes[i + 1 :]))

    def ring(self, i: int) -> int:
        return next(number for number, ring in enumerate(self.rings) if i in ring.hosts)

    def whole(self, ring: Ring) -> bool:
        return ring.agreed and ring.hosts in self.sides and self.still not in ring.hosts

    @property
    def wall(self) -> datetime.datetime:
        """When the next ledger is written."""
        return datetime.datetime.fromtimestamp(self.written + 1, datetime.UTC)

    def runs(self, i: int) -> bool:
        return self.nodes[i].runs and not self.nodes[i].hangs


def begun(monitors: int) -> World:
    """The hosts with the highest numbers have no monitor: they only count for the quorum."""
    return World(tuple(Node(runs=i < monitors) for i in range(HOSTS)))


# --- what may happen ------------------------------------------------------------------------------------------


def moves(world: World, monitors: int) -> Iterator[tuple[str, int, World]]:
    """What may happen next: its name, how much of the world's ill will it takes, and what it makes of the world."""
    waiting = [i for i in range(monitors) if _is_due(world, i)]
    for i in waiting[:1]:
        yield f"{i} has its turn", 0, turn(world, i)
    for i in waiting[1:]:
        yield f"{i} has its turn first", 1, turn(world, i)
    for hosts, age in world.forming:
        if age >= FORMS and not waiting:
            yield f"{sorted(hosts)} form a ring", 0, _form(world, hosts)
        elif age < FORMS:
            yield f"{sorted(hosts)} form a ring early", 1, _form(world, hosts)
    if not waiting and all(age < FORMS for _, age in world.forming):
        yield "tick", 0, tick(world)
    if waiting and any(node.had_turn for node in world.nodes):
        return  # what goes wrong goes wrong between two rounds; within one it only multiplies them
    yield from _network(world)
    for i in range(monitors):
        yield from _process(world, i)


def _network(world: World) -> Iterator[tuple[str, int, World]]:
    if world.sides != frozenset({ALL}):
        yield "all reach each other", 1, _cut(world, frozenset({ALL}))
    for i in range(HOSTS):
        apart = frozenset({frozenset({i}), ALL - {i}})
        if apart != world.sides:
            yield f"{i} is cut off", 1, _cut(world, apart)
            yield f"Corosync of {i} stands still", 1, _cut(world, apart, still=i)


def _process(world: World, i: int) -> Iterator[tuple[str, int, World]]:
    node = world.nodes[i]
    if not node.runs:
        yield f"{i} starts", 1, world.put(i, Node(life=1 - node.life, sighted=_quorate(world, i)))
        return
    yield f"{i} {'goes on' if node.hangs else 'hangs'}", 1, world.put(i, node._replace(hangs=not node.hangs))
    killed = _order(world.put(i, Node(life=node.life, runs=False)), i, ((i, node.life), None))
    yield f"{i} is killed", 1, killed
    yield (
        f"{i} is killed and starts",
        1,
        killed.put(i, Node(life=1 - node.life, sighted=node.sighted, delivers=node.delivers)),
    )
    if node.hangs:
        return
    yield f"{i} delivers: {not node.delivers}", 1, _say_way(world, i, not node.delivers)
    if _quorate(world, i):
        yield f"{i} sees: {not node.sighted}", 1, _sight(world, i, not node.sighted)
    if node.leads > 0:
        yield f"{i} reports", 1, _report(world, i)
    if node.member:
        yield f"{i} looks before it reads", 1, _judge(_beat(world, i), i)[0]


def _quorate(world: World, i: int) -> bool:
    return len(world.rings[world.ring(i)].hosts) * 2 > HOSTS


def _is_due(world: World, i: int) -> bool:
    return world.runs(i) and (bool(world.nodes[i].inbox) or not world.nodes[i].had_turn)


def tick(world: World) -> World:
    """Time passes, and everybody may have a turn again."""
    nodes = tuple(_aged(node) for node in world.nodes)
    return world._replace(nodes=nodes, forming=tuple((hosts, age + 1) for hosts, age in world.forming))


def _aged(node: Node) -> Node:
    view = node.view
    older = replace(
        view,
        heard=Times({m: max(at - TICK, -LONGEST) for m, at in view.heard.items()}),
        led=Times({m: max(at - TICK, -LONGEST) for m, at in view.led.items()}),
        joined_at=max(view.joined_at - TICK, -2 * TICK),
        clear_at=view.clear_at - TICK if view.clear_at > TICK else -math.inf,
    )
    return node._replace(
        view=older,
        under_way=tuple(min(age + TICK, LONGEST) for age in node.under_way),
        proven=min(node.proven + TICK, LONGEST),
        changed=TICK,
        known=max(node.known - TICK, -LONGEST),
        unsure=None if node.unsure is None else max(node.unsure - TICK, -LONGEST),
        leads=max(node.leads - TICK, 0),
        had_turn=False,
    )


# --- rings ----------------------------------------------------------------------------------------------------


def _cut(world: World, sides: frozenset[Side], still: int | None = None) -> World:
    """Others reach each other now; a Corosync that stands still forms no ring."""
    rings = {ring.hosts for ring in world.rings if ring.agreed}
    ages = dict(world.forming)
    forming = tuple(
        (hosts, ages.get(hosts, 0))
        for hosts in sorted(sides - rings, key=sorted)
        if hosts != frozenset({still})
    )
    world = world._replace(sides=sides, forming=forming, still=still)
    for number in range(len(world.rings)):
        world = _go_on(world, number)
    return world


def _form(world: World, hosts: Side) -> World:
    """These hosts are one ring from now on; each member hears what is new to it, and whether most hosts are there."""
    old = [ring for ring in world.rings if ring.hosts & hosts]
    members = frozenset(m for ring in old for m in ring.members if m[0] in hosts)
    waiting = tuple(said for ring in old for said in ring.waiting if said[0][0] in hosts)
    rest = [ring for ring in world.rings if ring not in old]
    for ring in old:
        if left := ring.hosts - hosts:
            inside = frozenset(m for m in ring.members if m[0] in left)
            said = tuple(said for said in ring.waiting if said[0][0] in left)
            rest.append(Ring(left, inside, said, agreed=False))
    rings = (Ring(hosts, members, waiting), *rest)
    world = world._replace(
        rings=rings, forming=tuple((side, age) for side, age in world.forming if side != hosts)
    )
    for process in sorted(members):
        world = _tell(world, process, members, lost=True)
    for i in sorted(hosts):
        if world.nodes[i].runs and world.nodes[i].sighted != (len(hosts) * 2 > HOSTS):
            world = _sight(world, i, len(hosts) * 2 > HOSTS)
    return _go_on(world, 0)


def _go_on(world: World, number: int) -> World:
    ring = world.rings[number]
    if not world.whole(ring):
        return world
    world = _with_ring(world, number, ring._replace(waiting=()))
    for process, payload in ring.waiting:
        world = _happen(world, number, process, payload)
    return world


def _with_ring(world: World, number: int, ring: Ring) -> World:
    return world._replace(rings=(*world.rings[:number], ring, *world.rings[number + 1 :]))


def _order(world: World, i: int, said: Said) -> World:
    number = world.ring(i)
    ring = world.rings[number]
    if world.whole(ring):
        return _happen(world, number, *said)
    return _with_ring(world, number, ring._replace(waiting=(*ring.waiting, said)))


_JOIN = b"join"


def _happen(world: World, number: int, process: Process, payload: bytes | None) -> World:
    """All members hear of it, in this order."""
    ring = world.rings[number]
    if payload == _JOIN or (payload is None and process in ring.members):
        members = ring.members | {process} if payload else ring.members - {process}
        world = _with_ring(world, number, ring._replace(members=members))
        for member in sorted(members):
            world = _tell(world, member, members, lost=False)
    elif payload is not None and process in ring.members:
        for member in sorted(ring.members):
            world = _hear(world, member, GroupMessage(process, payload))
    return world


def _tell(world: World, process: Process, members: frozenset[Process], *, lost: bool) -> World:
    known = world.nodes[process[0]].knows
    gone, joined, stay = tuple(sorted(known - members)), tuple(sorted(members - known)), known & members
    if gone:
        change = GroupChanged(tuple(sorted(stay)), left=gone, lost=gone if lost else ())
        world = _hear(world, process, change)
    if joined:
        world = _hear(world, process, GroupChanged(tuple(sorted(members)), joined=joined))
    return world


def _hear(world: World, process: Process, news: News) -> World:
    i, life = process
    node = world.nodes[i]
    if not node.runs or not node.member or node.life != life:
        return world
    knows = frozenset(news.members) if isinstance(news, GroupChanged) else node.knows
    return world.put(i, node._replace(inbox=(*node.inbox, news), knows=knows))


# --- a monitor's turn -----------------------------------------------------------------------------------------


def turn(world: World, i: int) -> World:
    """Read, beat, wait, and judge; and leave the group when nothing comes back."""
    node = world.nodes[i]
    if not node.sighted:
        return _judge(world.put(i, node._replace(had_turn=True)), i, out=True)[0]
    if not node.member:
        joining = node._replace(member=True, proven=0, had_turn=True)
        return _judge(_order(world.put(i, joining), i, ((i, node.life), _JOIN)), i)[0]
    for news in node.inbox:
        world = _take(world, i, news)
    world = world.put(i, world.nodes[i]._replace(inbox=world.nodes[i].inbox[len(node.inbox) :]))
    if not node.had_turn:
        world = _beat(world, i)
    world, act = _judge(world, i)
    return _leave(world, i) if act is Act.RELEASE else world


def _beat(world: World, i: int) -> World:
    node = world.nodes[i]._replace(had_turn=True)
    if node.view.me is not None:
        world = _say(world.put(i, node), i, WAY_MESSAGES[node.delivers])
    node = world.nodes[i]
    view, answer = election.waited(node.view, 0.0, world.wall)
    if view.serial > node.view.serial:
        world = world._replace(written=world.written + 1)
    world = world.put(i, node._replace(view=_plain(view), had_turn=True))
    return world if answer is None else _say(world, i, answer)


def _report(world: World, i: int) -> World:
    node = world.nodes[i]
    view, message = election.published(node.view, Times(), world.wall)
    world = world.put(i, node._replace(view=_plain(view)))._replace(written=world.written + 1)
    return _say(world, i, message)


def _take(world: World, i: int, news: News) -> World:
    node = world.nodes[i]
    me = (i, node.life)
    if isinstance(news, GroupMessage):
        if news.sender == me and node.under_way:
            node = node._replace(proven=node.under_way[0], under_way=node.under_way[1:])
        replies = election.answer(node.view, news)
        world = world.put(i, node._replace(view=_plain(election.received(node.view, news, 0.0))))
        for reply in replies:
            world = _say(world, i, reply)
        return world
    view, answers = election.changed(node.view, news, me, 0.0)
    world = world.put(i, node._replace(view=_plain(view), changed=0))
    if news.joined and view.me is not None:
        world = _say(world, i, WAY_MESSAGES[node.delivers])
    for answer in answers:
        world = _say(world, i, answer)
    return world


def _plain(view: GroupView) -> GroupView:
    return replace(
        view,
        delivers=Times(view.delivers),
        heard=Times(view.heard),
        led=Times(view.led),
        ledger=None if view.ledger is None else Times(),
    )


def _say(world: World, i: int, payload: bytes) -> World:
    node = world.nodes[i]
    return _order(world.put(i, node._replace(under_way=(*node.under_way, 0))), i, ((i, node.life), payload))


def _say_way(world: World, i: int, works: bool) -> World:
    node = world.nodes[i]._replace(delivers=works)
    world = world.put(i, node)
    return world if not node.member or node.view.me is None else _say(world, i, WAY_MESSAGES[works])


def _sight(world: World, i: int, sees: bool) -> World:
    node = world.nodes[i]._replace(sighted=sees)
    world = world.put(i, node)
    if sees or not node.member or node.hangs:
        return world
    return _leave(world, i)


def _leave(world: World, i: int) -> World:
    node = world.nodes[i]
    left = GroupView(
        delivers=Times(),
        heard=Times(),
        led=Times(),
        serial=node.view.serial,
        ledger=node.view.ledger,
        clear_at=node.view.clear_at,
    )
    out = node._replace(member=False, knows=frozenset(), inbox=(), under_way=(), view=left)
    world = _judge(world.put(i, out), i, out=True)[0]
    return _order(world, i, ((i, node.life), None))


def _judge(world: World, i: int, *, out: bool = False) -> tuple[World, Act]:
    node = world.nodes[i]
    facts = _facts(node, out)
    before = Election(known_at=node.known, standing=node.standing, unsure_since=node.unsure)
    after, act = step(before, facts, POLICY, 0.0)
    leads = after.standing is Standing.LEADING
    leader = node.view.leader(0.0)
    node = node._replace(
        standing=after.standing,
        known=int(after.known_at or 0),
        unsure=None if after.unsure_since is None else int(after.unsure_since),
        leads=int(max(facts.certain_until, 0)) if leads else 0,
        follows=leader[0] if leader and after.standing is Standing.FOLLOWING else None,
    )
    return world.put(i, node), act


def _facts(node: Node, out: bool) -> Facts:
    own, view = Candidate("", delivers=node.delivers), node.view
    if not node.sighted:
        return Facts(own=own, sighted=False)
    leader = view.leader(0.0)
    if out or view.me is None or leader is None:
        return Facts(own=own)
    is_leader = leader == view.me
    if is_leader and len(view.members) == 1 and node.changed == 0:
        return Facts(own=own)
    if is_leader and view.clear_at > 0 and node.standing is not Standing.LEADING:
        return Facts(own=own)
    return Facts(
        own=own,
        holder=Holder.OWN if is_leader else Holder.OTHER,
        leader=Candidate(str(leader[0]), delivers=view.delivers.get(leader)),
        certain_until=AUTHORITY - node.proven,
    )


# --- what must hold -------------------------------------------------------------------------------------------


def unsafe(world: World) -> str:
    """What must never be: two that send by right at one time. Whoever hangs sends nothing, and the members of a ring
    hear the same only moments apart: what one has not read yet it reads before it does anything."""
    leaders = [i for i, node in enumerate(world.nodes) if node.leads > 0 and world.runs(i) and not node.inbox]
    return f"{leaders} all lead" if len(leaders) > 1 else ""


def unsettled(world: World) -> str:
    """What must not be where nothing has happened for long: anything but the best of those that can, or none said."""
    able = [
        i
        for i in range(HOSTS)
        if world.runs(i) and world.nodes[i].sighted and world.still != i and _quorate(world, i)
    ]
    leaders = [i for i, node in enumerate(world.nodes) if node.leads > 0]
    astray = [
        i for i in range(HOSTS) if i not in able and world.runs(i) and world.nodes[i].follows is not None
    ]
    if astray:
        return f"{astray} follows somebody, and cannot know"
    if not able:
        patient = [i for i in range(HOSTS) if world.runs(i) and world.nodes[i].known > -20]
        return f"{leaders} leads and cannot" if leaders else f"{patient} wait for a leader" if patient else ""
    best = min(able, key=lambda i: (not world.nodes[i].delivers, i))
    if leaders != [best]:
        return f"of {able} that can lead {leaders} does, and {best} should"
    lost = [i for i in able if i != best and world.nodes[i].follows != best]
    if lost:
        return f"{lost} does not follow {best}"
    known = {i: world.nodes[i].view.serial for i in able}
    return f"{best} leads by an old ledger: {known}" if known[best] < max(known.values()) else ""


def talk(world: World) -> World:
    """Everybody has its turn, and hears what the others say."""
    for _ in range(60):
        due = next((i for i in range(HOSTS) if _is_due(world, i)), None)
        if due is None:
            return world
        world = turn(world, due)
    raise AssertionError("they talk without an end")


def let_be(world: World) -> World:
    """One round in which nothing goes wrong."""
    world = talk(world)
    for hosts, age in world.forming:
        if age >= FORMS:
            world = talk(_form(world, hosts))
    return tick(world)


def group(monitors: int) -> Ballot[World]:
    """So many monitors on three hosts."""
    return Ballot(
        name=f"the election by Corosync's group, {monitors} monitors",
        start=begun(monitors),
        moves=lambda world: moves(world, monitors),
        let_be=let_be,
        unsafe=unsafe,
        unsettled=unsettled,
        rounds=25,
    )


GROUPS = (group(2), group(3))
