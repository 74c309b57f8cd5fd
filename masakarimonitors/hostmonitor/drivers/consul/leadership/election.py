"""The election as it stands in Consul's key-value store: the pure half of reading and writing it.

In: the keys below the election's prefix. Out: an `ElectionRecord`, and back. Three keys: `reporter` (the lock; its
value names the leader and says what it is fit for), `ledger` (the open outages that have been reported), `challenge`
(a node that is fitter than the leader asks it to release the lock). A fourth stands beside them, `silences`. Nobody
else writes anything, so a cloud of any size costs a handful of keys. Monitors of several releases elect one together:
what is not known is read over, and what an older one does not write is taken for not known.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from masakarimonitors.core.outside import read_json
from masakarimonitors.core.silences.silence import Silence, read_all
from masakarimonitors.hostmonitor.core.election.candidate import Candidate, read_candidate
from masakarimonitors.hostmonitor.core.election.unread import Part, is_no_monitor
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, read_ledger

LOCK = "reporter"
LEDGER = "ledger"
CHALLENGE = "challenge"
SILENCES = "silences"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionRecord:
    """The election as it stands in the store.

    `session`: by which the lock is held, empty when nobody holds it. `leader`: what its holder has
    written, None when that cannot be read. `ledger`: None when it is missing or cannot be read. `silences`: None when
    they cannot be read; `senseless`: so many more make no sense here. `unread`: what stands there and cannot be read.
    `index`: Consul's, of the answer that showed
    this; a higher one is newer, unless the store was restored from a snapshot.
    """

    session: str = ""
    leader: Candidate | None = None
    challenge: Candidate | None = None
    ledger: Mapping[str, LedgerEntry] | None = None
    silences: Sequence[Silence] | None = ()
    senseless: int = 0
    unread: frozenset[Part] = frozenset()
    index: int = 0

    @property
    def asked_for(self) -> bool:
        """Whether somebody asks for the lock, be it in a form that nobody here can read."""
        return self.challenge is not None or Part.CHALLENGE in self.unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the store has shown last, and how fresh that is; moments are monotonic seconds.

    `record`: None when nothing that was read is true any more. `index`, `at`: of the newest answer, and when it came.
    `life`, `alive_at`: the sign of life of the holder (its session and beat), and when it last changed.
    """

    record: ElectionRecord | None = None
    index: int = 0
    at: float = 0.0
    life: tuple[str, int | None] = ("", None)
    alive_at: float = 0.0

    def after(self, record: ElectionRecord, asked: float, now: float) -> Self:
        """What is shown after an answer to a question of the moment `asked`; itself if a newer one has overtaken it."""
        if record.index < self.index and asked < self.at:
            # (A lower index later on is a store that was restored from a snapshot.)
            return self
        life = (record.session, record.leader.beat if record.leader else None)
        alive_at = now if life != self.life else self.alive_at
        return replace(self, record=record, index=record.index, at=now, life=life, alive_at=alive_at)

    def alive_until(self, unheard: float) -> float:
        """Until when the holder counts as living; one of an older release, without a beat, while its session does."""
        return self.alive_at + unheard if self.life[1] is not None else math.inf

    def changed(self, **fields: Any) -> Self:
        """This node has written these fields of the record itself."""
        return self if self.record is None else replace(self, record=replace(self.record, **fields))

    def out_of_date(self) -> Self:
        """Nothing that was read is true any more."""
        return replace(self, record=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionTimings:
    """How patiently the election goes on; all in seconds.

    `ttl`: of the session, Consul's least. Consul ends one no earlier than this after its last renewal, and
    after twice that at the latest. `certain`: so long after it asked for a renewal a holder leads; and so long Consul
    keeps the lock from everybody when a session has ended (its lock-delay), so that no two lead at once.
    `renew`: so often the holder renews: one that is not answered, and the next, still fall into `certain`.
    `patience`: of one short request; `wait`: of a blocking query. `beat`: so often the holder writes that it lives.
    `unwritten`: a holder that could not write for so long leads no more, even if its session is renewed;
    `unheard`: one that has not been heard of for so long is not followed any more. `refused`: until a token that was
    refused is tried again; `retry`: until anything else is, and between two looks at the time.
    """

    ttl: float = 10.0
    certain: float = 8.0
    renew: float = 2.5
    patience: float = 2.5
    wait: float = 60.0
    beat: float = 15.0
    unwritten: float = 30.0
    unheard: float = 45.0
    refused: float = 30.0
    retry: float = 1.0


def read_record(body: bytes, prefix: str, index: int = 0) -> ElectionRecord:
    """From the answer to a recursive read of `prefix`. A value that is not ours counts as empty.

    Raises ValueError when the body is no list of keys.
    """
    session, leader, challenge = "", None, None
    # One that is not there is not known: a store that was emptied looks the same.
    ledger: Mapping[str, LedgerEntry] | None = None
    try:
        rows = {row["Key"]: row for row in read_json(body)}
        values = {key.removeprefix(prefix): base64.b64decode(row["Value"] or "") for key, row in rows.items()}
        session = rows.get(prefix + LOCK, {}).get("Session") or ""
        if not isinstance(session, str):
            raise TypeError("a session without a name")
    except (TypeError, KeyError, AttributeError, binascii.Error) as fault:
        raise ValueError(f"not what Consul's key-value store answers: {fault!r}") from fault
    if session:
        leader = read_candidate(values.get(LOCK, b""))
    challenge = read_candidate(values.get(CHALLENGE, b""))
    if LEDGER in values:
        ledger = read_ledger(values[LEDGER])
    unread = {
        Part.LEADER: bool(session) and is_no_monitor(leader),
        Part.CHALLENGE: CHALLENGE in values and challenge is None,
        Part.LEDGER: LEDGER in values and ledger is None,
    }
    told = read_all(values[SILENCES]) if SILENCES in values else ((), 0)
    return ElectionRecord(
        session=session,
        leader=leader,
        challenge=challenge,
        ledger=ledger,
        silences=None if told is None else told[0],
        senseless=0 if told is None else told[1],
        unread=frozenset(part for part, holds in unread.items() if holds),
        index=index,
    )
