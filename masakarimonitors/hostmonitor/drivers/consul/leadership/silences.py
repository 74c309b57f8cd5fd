"""Silences in Consul's key-value store: one key beside the election's, read with them, written by whoever is asked.

In: what the store shows of them, and silences that must stand there. Out: `SilencesSeen` for each change. Each writes
what stands there and its own together, on the condition that nobody has written meanwhile, so nobody's is lost.
"""

from collections.abc import Callable, Sequence

from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import Silence, is_past, lacks, merged
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.consul.agent import AgentFault
from masakarimonitors.hostmonitor.drivers.consul.leadership.keys import ElectionKeys
from masakarimonitors.system.clock import Clock

_TRIES = 5
_UNREADABLE = (
    "the silences in Consul's key {key} cannot be read: those that are known hold until their ends, and others hold "
    "nothing here. The next one that is added replaces it"
)


class StoredSilences:
    """What stands in the key of silences."""

    def __init__(self, keys: ElectionKeys, clock: Clock) -> None:
        """Nothing is asked before `begin`."""
        self._keys = keys
        self._clock = clock
        self._emit: Callable[[Observation], None] | None = None
        self._shown: Sequence[Silence] | None = None
        self._unreadable = False
        self._senseless = 0
        self._any = False  # whether there was ever anything to tell

    def begin(self, emit: Callable[[Observation], None]) -> None:
        """Tell `emit` of them, all of them at first."""
        self._emit = emit
        self.tell_again()

    def stop(self) -> None:
        """The agent is not asked any more."""
        self._emit = None

    def tell_again(self) -> None:
        """The next reading is told though nothing may have changed."""
        self._shown = None

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what is wrong with what stands there."""
        key = self._keys.name_of_silences
        if self._unreadable:
            return (_UNREADABLE.format(key=key),)
        return (telling.left_out(self._senseless, f"in Consul's key {key}"),) if self._senseless else ()

    def take(self, silences: Sequence[Silence] | None, senseless: int = 0) -> None:
        """The store showed this; None: what cannot be read. `senseless`: so many more that make no sense."""
        self._unreadable, self._senseless = silences is None, senseless
        self._any = self._any or bool(silences)
        if silences is None or self._emit is None or silences == self._shown or not self._any:
            return
        self._shown = silences
        self._emit(SilencesSeen(silences))

    async def share(self, silences: Sequence[Silence]) -> None:
        """Have these stand there, beside what does; raises NotShared."""
        if self._emit is None:
            raise NotShared("the election of the reporter does not run here at present")
        try:
            for _ in range(_TRIES):
                there, version = await self._keys.read_silences()
                if there is not None and not lacks(there, silences):
                    return
                now = self._clock.now().wall
                wanted = [one for one in merged(there or (), silences).values() if not is_past(one, now)]
                if await self._keys.write_silences(wanted, version):
                    return
        except AgentFault as fault:
            raise NotShared(str(fault)) from fault
        raise NotShared(f"{_TRIES} times another monitor has written them at the same moment")
