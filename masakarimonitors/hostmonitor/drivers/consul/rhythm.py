"""How often a datacentre is asked, how long it may take to answer, and what reading may cost: numbers with reasons."""

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often and how patiently a datacentre is asked; all in seconds.

    `probe`: between two proofs of a leader, when nothing moves; `alert`: the same for
    `alert_span` after something moved or failed; `patience`: of one short request; `wait`: of a
    blocking query, after which it answers anyway, so this is also the period of the resync; `load`: of
    reading a whole list, at the longest; `silence`: how long a server's host answers nothing until its
    good-bye, which it was not seen to say, is taken for a burial; `exchange`: after which an agent of a small
    datacentre exchanges all that it knows with another (memberlist's PushPullInterval in a LAN).
    """

    probe: float = 2.0
    alert: float = 1.0
    alert_span: float = 30.0
    patience: float = 3.0
    wait: float = 60.0
    load: float = 20.0
    silence: float = 30.0
    exchange: float = 30.0

    def between_probes(self, members: int) -> float:
        """Seconds between two calm probes: every member probes the one leader, so it slows down with size.

        500 a second in all from 1,000 members on, until at 5,000 it would become too slow to be a proof.
        """
        return max(self.probe, min(members / 500, 5 * self.probe))

    def between_looks(self, members: int) -> float:
        """Seconds between two looks at gossip while the leader is not followed.

        Reading 10,000 members takes some 60 ms: every fourth second then, as often as a crash could be missed.
        """
        return max(self.alert, min(members / 2500, 4 * self.alert))

    def exchanges(self, members: int) -> int:
        """After how many times `exchange` an agent has exchanged all that it knows: one more each time they double."""
        return 1 if members <= 32 else 1 + math.ceil(math.log2(members / 32))

    def unheard(self, members: int) -> float:
        """How long one is called failed, and its host answers nothing, until no good-bye of it can still be unheard."""
        return max(self.silence, 2 * self.exchange * self.exchanges(members))

    def reading(self, members: int) -> float:
        """How long reading a whole list may take, of so many members (0: not known).

        A short list that does not come is behind a server that hangs: then another one must be asked soon.
        """
        return min(self.load, self.patience + members / 500) if members else self.load

    @property
    def blocking_timeout(self) -> float:
        """When a blocking query is given up: Consul adds up to a sixteenth to `wait`, then must send it all."""
        return self.wait * 17 / 16 + self.load


class Absence:
    """Since when nobody has listened at the agent's place, and how often it is tried.

    An agent that is not there, be it never or for a night, is no reason to work all the time. In the first two minutes
    it is tried as ever.
    """

    def __init__(self, rhythm: Rhythm) -> None:
        """It is not known to be gone."""
        self._rhythm = rhythm
        self._since: float | None = None

    def note(self, nobody_listens: bool, now: float) -> None:
        """What a try has shown at that monotonic second."""
        self._since = (now if self._since is None else self._since) if nobody_listens else None

    def pause(self, now: float) -> float:
        """Seconds until the next try: at most as many as a look at gossip may take to be made again."""
        gone = 0.0 if self._since is None else now - self._since
        return self._rhythm.alert * (4.0 if gone >= 4 * self._rhythm.alert_span else 1.0)


class Budget:
    """Processor time that reading lists may take: bursts at once, a check that flaps all day a tenth.

    A second's worth is there for a burst: some ten whole lists of 10,000 members.
    """

    _BURST = 1.0
    _SHARE = 0.1

    def __init__(self) -> None:
        """All of a burst may be spent."""
        self._left = self._BURST
        self._at = time.monotonic()

    @contextlib.contextmanager
    def spent(self) -> Iterator[None]:
        """The block's processor time is taken off; what is left has grown since the last one."""
        now = time.monotonic()
        self._left = min(self._BURST, self._left + self._SHARE * (now - self._at))
        self._at = now
        began = time.thread_time()
        yield
        self._left -= time.thread_time() - began

    def rest(self) -> float:
        """Seconds to wait before the next list; a moment at least, so that one answer's changes come together."""
        return max(0.01, -self._left / self._SHARE)
