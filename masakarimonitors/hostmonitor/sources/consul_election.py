"""Who should report: the pure half of the election, on what stands in Consul's key-value store.

In: the keys below the office's prefix, and what this node sees. Out: one `Move`. Three keys:
`reporter` (the lock; its value names the holder and the links that it sees), `ledger` (the open
outages that have been reported), `challenge` (a node that sees more than the holder asks for the
office). Nobody else writes anything, so a cloud of any size costs a handful of keys.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from masakarimonitors.hostmonitor.ledger import read_ledger
from masakarimonitors.hostmonitor.observation import LedgerEntry

LOCK = "reporter"
LEDGER = "ledger"
CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class Claim:
    """A node and the links that it sees: what the holder and a challenger each write."""

    node: str
    sees: frozenset[str]


@dataclass(frozen=True, slots=True)
class Room:
    """The office as it stands in the store: who sits there by which session, and what lies on the desk."""

    session: str = ""
    holder: Claim | None = None
    challenge: Claim | None = None
    ledger: Mapping[str, LedgerEntry] | None = field(default_factory=dict)

    @property
    def vacant(self) -> bool:
        """Nobody holds the lock."""
        return not self.session


class Move(StrEnum):
    """What this node should do about the office."""

    NOTHING = "nothing"
    RUN = "run"
    YIELD = "yield"
    """Vacant, but a node that sees more has asked for it: it goes first."""
    ANNOUNCE = "announce"
    """As the holder: write down anew what is seen."""
    STEP_DOWN = "step down"
    REFUSE = "refuse"
    """As the holder: the challenge is not (any longer) justified."""
    CHALLENGE = "challenge"


def move(room: Room, own: Claim, session: str) -> Move:
    """What follows from the office's state; `session` is this node's own, empty when it has none.

    More links seen beats fewer; with as many, whoever is there stays. So there is never a circle of
    nodes that wait for each other, and a half-blind node never keeps the office from a seeing one.
    """
    better_asked = room.challenge is not None and len(room.challenge.sees) > len(own.sees)
    if session and room.session == session:
        if room.challenge is not None and room.challenge.node != own.node:
            return Move.STEP_DOWN if better_asked else Move.REFUSE
        return Move.ANNOUNCE if room.holder != own else Move.NOTHING
    if room.vacant:
        if not own.sees:
            return Move.NOTHING
        return Move.YIELD if better_asked else Move.RUN
    holder_sees = room.holder.sees if room.holder else frozenset()
    asked = room.challenge is not None and len(room.challenge.sees) >= len(own.sees)
    return Move.CHALLENGE if len(own.sees) > len(holder_sees) and not asked else Move.NOTHING


def read_room(body: bytes, prefix: str) -> Room:
    """From the answer to a recursive read of `prefix`. A value that is not ours counts as empty.

    Raises ValueError when the body is no list of keys.
    """
    session, holder, challenge = "", None, None
    ledger: Mapping[str, LedgerEntry] | None = {}
    try:
        rows = {row["Key"]: row for row in json.loads(body)}
        values = {key.removeprefix(prefix): base64.b64decode(row["Value"] or "") for key, row in rows.items()}
        session = rows.get(prefix + LOCK, {}).get("Session", "")
    except (TypeError, KeyError, AttributeError, binascii.Error) as fault:
        raise ValueError(f"not what Consul's key-value store answers: {fault!r}") from fault
    if session:
        holder = read_claim(values.get(LOCK, b""))
    challenge = read_claim(values.get(CHALLENGE, b""))
    if LEDGER in values:
        ledger = read_ledger(values[LEDGER])
    return Room(session, holder, challenge, ledger)


def read_claim(value: bytes) -> Claim | None:
    """From `write_claim`; None for anything else."""
    try:
        fields = json.loads(value)
        return Claim(str(fields["node"]), frozenset(map(str, fields["sees"])))
    except (ValueError, TypeError, KeyError):
        return None


def write_claim(claim: Claim) -> bytes:
    """The value of the lock, and of a challenge."""
    return json.dumps({"node": claim.node, "sees": sorted(claim.sees)}).encode()
