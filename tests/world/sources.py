"""What a monitor of the made-up cloud sees: one source for each link, as imperfect as a real one.

In: a `Link`. Out: the observations that a driver emits: a proof of its own sight that it renews, a whole listing
after each loss of it, changes otherwise, and while it is isolated the lies of its own agent.
"""

from collections.abc import Callable, Mapping

from masakarimonitors.hostmonitor.core.observation import (
    Membership,
    Observation,
    Sample,
    Sighting,
    View,
)
from masakarimonitors.system.clock import Clock
from tests.fixtures.fake_loop import Bell
from tests.world.links import Link

Emit = Callable[[Observation], None]

PROBE = 4.0
"""Seconds between two proofs of sight."""
PATIENCE = 3.0
"""Seconds after which a probe that gets no answer has failed."""
GOOD_FOR = 10.0
RESYNC = 60.0


class LinkSource:
    """One monitor's eyes on one link. `greet`: what else it says whenever it begins to see; `on_sight` is told
    whether it sees; `worked_on` says whether the engine shows planned work on a host."""

    def __init__(
        self,
        link: Link,
        own: str,
        clock: Clock,
        greet: Callable[[Emit], None],
        on_sight: Callable[[str, bool], None],
        worked_on: Callable[[str], bool] = lambda host: False,
    ) -> None:
        self.name = f"model of {link.name}"
        self._link = link
        self._own = own
        self._clock = clock
        self._greet = greet
        self._on_sight = on_sight
        self._worked_on = worked_on
        self._news = Bell()
        self._said: dict[str, Sighting] = {}
        self._listed_at = 0.0
        self.stuck = False
        """Its probes succeed, and its listing is never renewed."""

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""
        stop = self._link.watch(self._news.ring)
        try:
            while True:
                if self._link.sees(self._own):
                    self._look(emit)
                else:
                    await self._go_blind(emit)
                if await self._news.wait(PROBE):
                    await self._clock.sleep(0.05)
        finally:
            stop()

    def _look(self, emit: Emit) -> None:
        now = self._clock.now()
        seen = {host: self._sighting(value) for host, value in self._link.listing().items()}
        self._on_sight(self._link.name, True)
        emit(View(link=self._link.name, proven=True, why="a read succeeded", at=now, good_for=GOOD_FOR))
        if not self._said or now.monotonic - self._listed_at >= RESYNC or seen.keys() != self._said.keys():
            first, self._listed_at = not self._said, now.monotonic
            idle = {host for host in seen if not self._worked_on(host)}
            emit(Sample(self._link.name, seen, now, whole=True, idle=idle))
            if first:
                self._greet(emit)
        else:
            changed = {host: one for host, one in seen.items() if self._said.get(host) != one}
            if changed:
                emit(Sample(self._link.name, changed, now))
        self._said = seen

    async def _go_blind(self, emit: Emit) -> None:
        await self._clock.sleep(PATIENCE)
        if self._link.sees(self._own):
            return
        self._said = {}
        since = self._clock.now().monotonic
        self._on_sight(self._link.name, False)
        emit(View(link=self._link.name, proven=False, why="no cluster leader", at=self._clock.now()))
        lies = self._link.promises.lies
        peers = [host for host in self._link.hosts if host != self._own]
        while not self._link.sees(self._own):
            await self._news.wait(PROBE)
            now = self._clock.now()
            if lies is not None and peers and now.monotonic - since > lies[0]:
                emit(Sample(self._link.name, {peers.pop(0): _LOST}, now))

    def _sighting(self, value: Membership) -> Sighting:
        return _SEEN.get(value) or Sighting(value)


_LOST = Sighting(Membership.DOWN, "declared lost by an isolated agent")
_SEEN: Mapping[Membership, Sighting] = {
    Membership.UP: Sighting(Membership.UP, "alive"),
    Membership.DOWN: Sighting(Membership.DOWN, "failed"),
    Membership.LEFT: Sighting(Membership.LEFT, "left"),
}
