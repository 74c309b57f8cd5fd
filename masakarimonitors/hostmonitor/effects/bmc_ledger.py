"""What the ledger says of BMCs: which are wrong goes with the leadership, beside the outages that were reported.

In: the words of the election, and each ledger that the core has written. Out: what another monitor has found out, for
whoever asks BMCs for proof, and that ledger with what this one has found out. The core knows nothing of it. A reporter
of an earlier release says nothing of BMCs: what was heard before is then true still.
"""

from collections.abc import Callable
from dataclasses import replace

from masakarimonitors.hostmonitor.core.ledger import WrongBmcs, with_bmcs, wrong_bmcs
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, WriteLedger


class BmcLedger:
    """Reads and writes what the ledger says of BMCs."""

    def __init__(
        self,
        wrong: Callable[[], WrongBmcs],
        hear: Callable[[WrongBmcs, bool], None],
        suspect: Callable[[WrongBmcs], None],
    ) -> None:
        """`wrong`: all that this monitor has found out, or taken over. `hear` is told what stands in the ledger, and
        whether this monitor has become the leader; `suspect` then, too: these are to be looked at."""
        self._wrong = wrong
        self._hear = hear
        self._suspect = suspect
        self._last: WrongBmcs = {}
        self._until: float | None = None
        self._read = False

    def hear(self, said: object) -> None:
        """A word of the election, in its order. In each term the ledger is read once: then it is this monitor's own."""
        match said:
            case Leader():
                begins = self._until is None or said.at.monotonic >= self._until
                self._read = self._read and not begins
                if said.ledger is not None and not self._read:
                    found = wrong_bmcs(said.ledger)
                    self._last = self._last if found is None else found
                    self._read, begins = True, True
                if begins:
                    self._hear(self._last, True)
                    self._suspect(self._last)
                    self._last = {}
                self._until = said.at.monotonic + said.good_for
            case Follower():
                self._until = None
                found = None if said.ledger is None else wrong_bmcs(said.ledger)
                if found is not None and found != self._last:
                    self._last = found
                    self._hear(found, False)
            case NoElection():
                self._until = None
            case _:
                pass

    def write(self, command: WriteLedger) -> WriteLedger:
        """With what is known of BMCs."""
        return replace(command, entries=with_bmcs(command.entries, self._wrong()))
