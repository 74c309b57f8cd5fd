"""What a driver's election has said of the office: `Office` goes to the core only when it is news.

The holder's own ledger comes from the core, so a change of it is no news; a monitor that only watches
must hear of each change.
"""

from collections.abc import Callable

from masakarimonitors.hostmonitor.observation import EVERYONE, Observation, Office
from masakarimonitors.system.clock import Clock


class Herald:
    """`said` is the last word, None before the first."""

    def __init__(self, clock: Clock) -> None:
        """Mute until `begin`."""
        self._clock = clock
        self._emit: Callable[[Observation], None] = lambda observation: None
        self.said: Office | None = None

    @property
    def mine(self) -> bool:
        """Whether this monitor reports, by the last word."""
        return self.said is not None and self.said.mine

    def begin(self, emit: Callable[[Observation], None]) -> None:
        """Speak to `emit`, as if nothing had been said: at each start of the source."""
        self._emit = emit
        self.said = None

    def say(self, office: Office) -> None:
        """Emit it, unless it repeats the last word."""
        said = self.said
        same = said is not None and (said.mine, said.holder) == (office.mine, office.holder)
        if said is not None and same and (office.mine or said.ledger == office.ledger):
            return
        self.said = office
        self._emit(office)

    def everyone(self, why: str) -> None:
        """All monitors report, since there is nobody to be elected or no way to elect."""
        self.say(Office(True, EVERYONE, f"no reporter can be elected: {why}", self._clock.now()))
