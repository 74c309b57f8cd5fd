"""Pure: who reports, decided by the order that Corosync gives to everybody alike.

The live monitors are the processes of one CPG group; every one of them sees the same changes and
messages in the same order, so all come to the same result with no further talk. In: changes,
messages, the passing of time. Out: who holds the office, the ledger of open outages, and messages
to send.

- The office is held by the lowest (node id, pid) among the **informed** members: a newcomer must
  first have received the ledger, so that it does not report again what is reported already.
- After a change that brought newcomers, the lowest informed member sends the ledger; with its
  delivery everybody is informed, and the office passes at that very point of the common order.
- A ledger has a serial number; the highest wins, so a stale side of a healed partition loses.
- A member that was silent for SILENCE seconds is passed over (its process hangs, though its host
  lives); the members send a beat every BEAT seconds.
- Newcomers that nobody informs within PATIENCE seconds are informed by decree, with no ledger.
- A holder without a ledger, whose core has nothing to write down, has an empty one after PATIENCE
  seconds: a newcomer's stale memory must not pass for what is reported now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.hostmonitor.ledger import read_ledger, write_ledger
from masakarimonitors.hostmonitor.observation import LedgerEntry
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import GroupChanged, GroupMessage, Process

BEAT = 5.0
SILENCE = 20.0
PATIENCE = 5.0

Ledger = Mapping[str, LedgerEntry]


@dataclass(frozen=True, slots=True)
class Chair:
    """What one monitor knows of the office. `me` is None while it is not in the group."""

    me: Process | None = None
    members: frozenset[Process] = frozenset()
    informed: frozenset[Process] = frozenset()
    heard: Mapping[Process, float] = field(default_factory=dict)
    joined_at: float = 0.0
    serial: int = 0
    ledger: Ledger | None = None

    def holder(self, now: float) -> Process | None:
        """Who holds the office at monotonic second `now`."""
        fit = [m for m in self.members & self.informed if now - self.heard.get(m, now) < SILENCE]
        return min(fit, default=None)


def changed(chair: Chair, change: GroupChanged, me: Process, now: float) -> tuple[Chair, bytes | None]:
    """The group has other members now; answer with the ledger when it falls to us to tell newcomers."""
    members = frozenset(change.members)
    joined = frozenset(change.joined) & members
    if me not in members:
        return Chair(serial=chair.serial, ledger=chair.ledger), None
    first = me in joined or chair.me is None
    # Whoever was here before us knows the ledger, or is being told it.
    informed = (members - joined) if first else chair.informed & members
    if not informed and first and members == {me}:
        informed = frozenset({me})
    heard = {m: chair.heard.get(m, now) if m not in joined else now for m in members}
    after = replace(
        chair,
        me=me,
        members=members,
        informed=informed,
        heard=heard,
        joined_at=now if first else chair.joined_at,
    )
    newcomers = members - informed
    if newcomers and informed and min(informed) == me:
        return after, encode(after.ledger, after.serial)
    return after, None


def received(chair: Chair, message: GroupMessage, now: float) -> Chair:
    """A message came in; one that cannot be read counts as a beat."""
    heard = dict(chair.heard)
    heard[message.sender] = now
    chair = replace(chair, heard=heard)
    told = decode(message.payload)
    if told is None:
        return chair
    serial, ledger = told
    chair = replace(chair, informed=chair.members)
    if serial >= chair.serial and ledger is not None:
        return replace(chair, serial=serial, ledger=ledger)
    return chair


def waited(chair: Chair, now: float) -> tuple[Chair, bytes | None]:
    """Time has passed: newcomers whom nobody told are informed by decree; no ledger becomes an empty one."""
    if chair.me is None or now - chair.joined_at < PATIENCE:
        return chair, None
    if chair.me not in chair.informed:
        return replace(chair, informed=chair.members, joined_at=now), None
    if chair.ledger is None and chair.holder(now) == chair.me:
        return published(chair, {})
    return chair, None


def published(chair: Chair, entries: Ledger) -> tuple[Chair, bytes]:
    """The holder has reported something: the ledger for everybody."""
    after = replace(chair, serial=chair.serial + 1, ledger=dict(entries))
    return after, encode(after.ledger, after.serial)


BEAT_MESSAGE = b"beat"
LOOK_MESSAGE = b"look"
"""Pacemaker alerts of a remote node only where its connection was and on the DC: whoever hears tells all."""


def encode(ledger: Ledger | None, serial: int) -> bytes:
    """The ledger as a message: its serial number, a space, and its common form or `null`."""
    return b"%d %s" % (serial, b"null" if ledger is None else write_ledger(ledger))


def decode(payload: bytes) -> tuple[int, Ledger | None] | None:
    """(serial, ledger), or None when the message is a beat or of a version that we do not know."""
    number, _, form = payload.partition(b" ")
    if not number.isdigit():
        return None
    ledger = read_ledger(form)
    if ledger is None and form != b"null":
        return None
    return int(number), ledger
