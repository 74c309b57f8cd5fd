"""The leader election among the monitors, pure: the order that Corosync gives to all of them decides.

The live monitors are the processes of one CPG group; every one of them sees the same changes and
messages in the same order, so all come to the same result with no further talk. In: changes,
messages, the passing of time. Out: a `GroupView` with the leader and the ledger of open outages, and
messages to send.

- The leader is the lowest (node id, pid) among the **informed** members: a newcomer must first have
  received the ledger, so that it does not report again what is reported already. One whose way to masakari does not
  work comes after all others, once every one of them has said whether its own does: with a member of an older
  release, which says nothing of it, all go by the order alone, and so elect the same one.
- Who comes before whom hangs on nothing but what all have heard in one order, never on who is silent: that each
  knows by its own clock, and two that reckoned by different orders would both lead.
- After a change that brought newcomers, the lowest informed member sends what it knows of the ways, and the ledger;
  with its delivery every member is informed, and the leadership passes at that very point of the common order.
- A ledger has a serial number that is not below the wall clock's milliseconds when a leader wrote it: the highest is
  the newest, also of monitors that were started anew meanwhile, and wins. So the stale side of a healed partition
  loses, and one that comes back with an old memory; one that is told an older ledger than its own says so.
- Whoever is elected leads only once nobody who went without a word can still lead: AUTHORITY seconds after it was last
  heard of. A host that was cut off, or whose Corosync hangs, may run on. That is waited for of those alone who may have
  led: who was the leader by this order at some moment of the last AUTHORITY seconds before it was lost. Whom nobody
  could tell of such a one, for it came alone or was not informed, waits for as long after it has joined.
- A member that was silent for SILENCE seconds is passed over (its process hangs, though its host
  lives); every BEAT seconds each says whether its way works, which is its sign of life.
- A newcomer that nobody informs within PATIENCE seconds (the lowest may hang) says so to all, and with the delivery of
  that every member is informed: at one point of the common order, or two would take themselves for the leader. All
  send what they know of the ways then, and those that were informed the ledger: any number of the lowest may hang.
- For a member that has fallen silent before it said anything of its way the leader says that it is not known.
- A leader without a ledger, whose core has nothing to write down, has an empty one after PATIENCE
  seconds: a newcomer's stale memory must not pass for what is reported now.
- A ledger that cannot be read, of a later release say, informs like any other, or the members would disagree on who is
  informed. What stands in it is not known, so what was known before is none any more; it is told on as it is.
"""

import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, read_ledger, write_ledger

# Seconds.
BEAT = 5.0
SILENCE = 20.0
PATIENCE = 5.0
AUTHORITY = 12.0
"""So long after it sent the last message that came back to it a leader leads at most. With the default token Corosync
delivers nothing for up to 8 s while it finds out that a host is lost; a leader's beat comes on top of that."""
LEADERS_BEAT = 3.0

Ledger = Mapping[str, LedgerEntry]

Process = tuple[int, int]
"""One process of a group: (node id, pid)."""


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """The group's processes after a change; every process sees the same changes in the same order.

    `lost`: those of `left` that may run on, for their host was lost, or reaches this one no more.
    """

    members: tuple[Process, ...]
    joined: tuple[Process, ...] = ()
    left: tuple[Process, ...] = ()
    lost: tuple[Process, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupMessage:
    """One message, delivered to all, the sender included, in the same order among the changes."""

    sender: Process
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """The group as one of its monitors knows it. `me` is None while it is not a member.

    `informed`: the members that know the ledger. `delivers`: whether a member's own way to masakari works, None while
    it does not know; one that is missing there has not said. `heard`, `joined_at`: monotonic seconds. `led`: when each
    process was last the leader, as far as that may still count. `clear_at`: until then one that is no member any more
    may still lead. `sealed`: the newest ledger as it was told, where it cannot be read; `ledger` is None then.
    """

    me: Process | None = None
    members: frozenset[Process] = frozenset()
    informed: frozenset[Process] = frozenset()
    delivers: Mapping[Process, bool | None] = field(default_factory=dict)
    heard: Mapping[Process, float] = field(default_factory=dict)
    joined_at: float = 0.0
    led: Mapping[Process, float] = field(default_factory=dict)
    clear_at: float = -math.inf
    serial: int = 0
    ledger: Ledger | None = None
    sealed: bytes | None = None

    def leader(self, now: float) -> Process | None:
        """Who is the leader at monotonic second `now`; None while nobody informed is heard of."""
        known = self.members & self.informed
        fit = [member for member in known if not self.is_silent(member, now)]
        # Who is silent one learns before the other: whether the ways count must not hang on it.
        if self.delivers.keys() >= known:
            return min(fit, key=lambda member: (self.delivers[member] is False, member), default=None)
        return min(fit, default=None)

    @property
    def told(self) -> bytes | None:
        """The newest ledger as a message; None where this member has never heard of any."""
        if self.sealed is not None:
            return _numbered(self.serial, self.sealed)
        return None if self.ledger is None else encode(self.ledger, self.serial)

    def outside(self) -> "GroupView":
        """What one keeps that is no member any more."""
        return GroupView(serial=self.serial, ledger=self.ledger, sealed=self.sealed, clear_at=self.clear_at)

    def is_silent(self, member: Process, now: float) -> bool:
        """Whether a member has not been heard of for so long, at monotonic second `now`, that it is passed over."""
        return now - self.heard.get(member, now) >= SILENCE


def changed(
    view: GroupView, change: GroupChanged, me: Process, now: float
) -> tuple[GroupView, tuple[bytes, ...]]:
    """The group has other members now; answer with what newcomers must know, when it falls to us to tell them."""
    members = frozenset(change.members)
    joined = frozenset(change.joined) & members
    view = _noted(view, now)
    # The last that was heard of one that is lost: this side may have formed its ring before that one noticed.
    clear_at = max(
        [view.clear_at, *(view.heard.get(m, now) + AUTHORITY for m in change.lost if _may_lead(view, m))]
    )
    if me not in members:
        return replace(view, clear_at=clear_at).outside(), ()
    first = me in joined or view.me is None
    # Whoever was here before us knows the ledger, or is being told it.
    informed = (members - joined) if first else view.informed & members
    if not informed and first and members == {me}:
        informed = frozenset({me})
        clear_at = max(clear_at, now + AUTHORITY)  # nobody can tell of one that went before
    stay = frozenset() if first else members - joined
    heard = {m: view.heard.get(m, now) if m not in joined else now for m in members}
    after = replace(
        view,
        me=me,
        members=members,
        informed=informed,
        delivers={m: works for m, works in view.delivers.items() if m in stay},
        heard=heard,
        joined_at=now if first else view.joined_at,
        # Who led until a moment before we came nobody tells us: it may be any that was here.
        led=dict.fromkeys(informed - {me}, now) if first else view.led,
        clear_at=clear_at,
    )
    newcomers = members - informed
    if newcomers and informed and min(informed) == me:
        gone = (encode_gone(clear_at - now),) if clear_at > now else ()
        return after, (encode_ways(after.delivers), *gone, after.told or encode(None, after.serial))
    return after, ()


def _noted(view: GroupView, now: float) -> GroupView:
    """Who is the leader at this moment is remembered for as long as it may act on that."""
    led = {member: at for member, at in view.led.items() if now - at < AUTHORITY}
    leader = view.leader(now)
    return replace(view, led=led if leader is None else {**led, leader: now})


def _may_lead(view: GroupView, member: Process) -> bool:
    """Whether one that is lost may have led; of one that was not informed yet nobody can say no."""
    return member in view.led or member not in view.informed


def received(view: GroupView, message: GroupMessage, now: float) -> GroupView:
    """A message came in; of one that cannot be read at all it counts that its sender lives (unread.py tells of it)."""
    view = _noted(view, now)
    heard = dict(view.heard)
    heard[message.sender] = now
    view = replace(view, heard=heard)
    if message.payload == OLDER_BEAT:
        # It goes by the order alone, whatever was said for it while it hung.
        return replace(view, delivers={m: works for m, works in view.delivers.items() if m != message.sender})
    if (ways := decode_ways(message)) is not None:
        # What a member says itself is newer than what another knew of it when it was asked to tell.
        own = message.payload in WAY_MESSAGES.values()
        fresh = {
            m: works for m, works in ways.items() if m in view.members and (own or m not in view.delivers)
        }
        return replace(view, delivers={**view.delivers, **fresh})
    if message.payload.startswith(_GONE):
        # For how long cannot be read: as long as can be.
        seconds = decode_gone(message.payload)
        return replace(view, clear_at=max(view.clear_at, now + (AUTHORITY if seconds is None else seconds)))
    told = _split(message.payload)
    if told is None:
        return view
    serial, form = told
    if message.sender != view.me and not {message.sender, view.me} & view.informed:
        # Nobody may have told of one that went before: so says one who does not know either.
        view = replace(view, clear_at=max(view.clear_at, view.joined_at + AUTHORITY))
    view = replace(view, informed=view.members)
    ledger = read_ledger(form)
    if ledger is not None and serial >= view.serial:
        return replace(view, serial=serial, ledger=ledger, sealed=None)
    if ledger is None and form != _NONE and serial > view.serial:
        return replace(view, serial=serial, ledger=None, sealed=form)
    return view


def waited(view: GroupView, now: float, wall: datetime.datetime) -> tuple[GroupView, bytes | None]:
    """Time has passed, `wall` is an aware time: one whom nobody told says so to all; no ledger becomes an empty one;
    the leader speaks for those who hang and have said nothing of their way."""
    if view.me is None or now - view.joined_at < PATIENCE:
        return view, None
    if view.me not in view.informed:
        clear_at = max(view.clear_at, view.joined_at + AUTHORITY)  # nobody has told of one that went before
        return replace(view, joined_at=now, clear_at=clear_at), encode(None, view.serial)
    if view.leader(now) != view.me:
        return view, None
    if view.told is None:
        return published(view, {}, wall)
    mute = [m for m in view.members & view.informed if m not in view.delivers and view.is_silent(m, now)]
    # It counts at all of them, here too, only from where it stands in the common order.
    return view, encode_ways(dict.fromkeys(mute)) if mute else None


def answer(view: GroupView, message: GroupMessage) -> tuple[bytes, ...]:
    """What is said, if anything, to one that nobody has informed, or that informs us of an older ledger than ours;
    `view` as it was before its message."""
    told = _split(message.payload)
    if told is None:
        return ()
    serial, form = told
    known = () if view.told is None or message.sender == view.me else (view.told,)
    if form != _NONE:
        return known if view.me not in view.informed and serial < view.serial else ()
    # Now it counts at all of them who comes before whom, so all must know the ways; the sender may know the most.
    ways = (encode_ways(view.delivers),) if view.delivers else ()
    return (*ways, *known) if view.me in view.informed else ways


def published(view: GroupView, entries: Ledger, wall: datetime.datetime) -> tuple[GroupView, bytes]:
    """The leader has reported something at `wall` (aware): the ledger, as a message for all members."""
    serial = max(view.serial + 1, int(wall.timestamp() * 1000))
    after = replace(view, serial=serial, ledger=dict(entries), sealed=None)
    return after, encode(after.ledger, after.serial)


WAY_MESSAGES: Mapping[bool | None, bytes] = {True: b"way yes", False: b"way no", None: b"way unknown"}
"""Whether the sender's own way to masakari works: its beat."""
OLDER_BEAT = b"beat"
"""Of a member of an older release."""
_DIGITS = 15
"""As many has a serial number at most: milliseconds, for 30,000 years."""
_NONE = b"null"
"""Instead of a ledger: nobody has told the sender of one."""
_WAYS = b"ways "
_GONE = b"gone "
LOOK_MESSAGE = b"look"
"""Pacemaker alerts of a remote node only where its connection was and on the DC: whoever hears tells all."""


def encode(ledger: Ledger | None, serial: int) -> bytes:
    """The ledger as a message: its serial number, a space, and its common form or `null`."""
    return _numbered(serial, _NONE if ledger is None else write_ledger(ledger))


def _numbered(serial: int, form: bytes) -> bytes:
    return b"%d %s" % (serial, form)


def decode(payload: bytes) -> tuple[int, Ledger | None] | None:
    """(serial, ledger), or None when the message is another, or its ledger cannot be read."""
    told = _split(payload)
    if told is None:
        return None
    serial, form = told
    ledger = read_ledger(form)
    return None if ledger is None and form != _NONE else (serial, ledger)


def _split(payload: bytes) -> tuple[int, bytes] | None:
    """Serial number and form of any ledger, also of one that cannot be read; None when the message is another."""
    number, space, form = payload.partition(b" ")
    if not space or not number.isdigit() or len(number) > _DIGITS:
        return None
    return int(number), form


def encode_ways(delivers: Mapping[Process, bool | None]) -> bytes:
    """What is known of every member's way, for those who were not here when it was said."""
    ways = {f"{node}:{pid}": works for (node, pid), works in sorted(delivers.items())}
    return _WAYS + json.dumps(ways, separators=(",", ":")).encode()


def encode_gone(seconds: float) -> bytes:
    """So long somebody who is no member any more may still lead, for newcomers, who have not seen it go."""
    return b"%s%d" % (_GONE, math.ceil(seconds * 1000))


def decode_gone(payload: bytes) -> float | None:
    """Seconds, never more than `AUTHORITY`; None when the message says nothing of that."""
    number = payload.removeprefix(_GONE)
    if not payload.startswith(_GONE) or not number.isdigit() or len(number) > 9:
        return None
    return min(int(number) / 1000, AUTHORITY)


def decode_ways(message: GroupMessage) -> Mapping[Process, bool | None] | None:
    """Whose way works by this message, or None when it says nothing of that."""
    for works, payload in WAY_MESSAGES.items():
        if message.payload == payload:
            return {message.sender: works}
    if not message.payload.startswith(_WAYS):
        return None
    try:
        found = {}
        for name, works in json.loads(message.payload.removeprefix(_WAYS)).items():
            node, _, pid = name.partition(":")
            found[int(node), int(pid)] = works if isinstance(works, bool) else None
    except (ValueError, AttributeError, RecursionError):
        return None
    return found
