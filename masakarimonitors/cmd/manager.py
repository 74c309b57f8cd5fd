"""What the service manager is told of the monitors in this process: ready after the first look, and how they are.

Ready is said when each view was looked at once, whatever that has shown: `systemctl start` then returns with the truth
in `systemctl status`. A monitor that finds its Consul agent dead is ready, too, and blind; to be started again and
again would open nobody's eyes. Nor does a first look that hangs keep it from being ready for longer than `FIRST_LOOK`.
"""

import asyncio
import logging
from collections.abc import Sequence

from masakarimonitors.core.decision import Instant
from masakarimonitors.status.health import Level
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock, beat, pause
from masakarimonitors.system.service import systemd

LOG = logging.getLogger(__name__)

FIRST_LOOK = 30.0
"""Seconds after which a monitor is ready although it has not looked at everything: less than systemd waits for (90)."""

# Seconds more for which the manager is asked to wait, should its own time be shorter.
_SPARE = 30.0
AGAIN = 5.0
"""Seconds between two looks whether the health has changed, when nobody says that it may have: by time alone, say.
Page, probes and metrics do not wait for them: they ask."""
SOONEST = 0.5
"""Seconds between two looks at least, however much changes."""
_TIMES = 1000.0
"""So many times as long as a look took passes before the next one: none of it takes more than a thousandth of the time
that a processor has, however much changes, but those that are made anyway."""

# Seconds between two looks whether all has been looked at.
_SOON = 0.1
# Characters of the line that are shown.
_LONGEST = 1000

_WORST_FIRST = (Level.BLIND, Level.DEGRADED, Level.OK)


def ask_for_time() -> None:
    """Have the manager wait for `FIRST_LOOK` and a little more from now on: a disk that hangs takes its time, too."""
    systemd.notify(f"EXTEND_TIMEOUT_USEC={round((FIRST_LOOK + _SPARE) * 1_000_000)}")


class Announcer:
    """Tells it; and by looking so often, learns since when each cause stands."""

    def __init__(
        self, statuses: Sequence[MonitorStatus], clock: Clock, changed: asyncio.Event | None = None
    ) -> None:
        """Nothing is told yet. `changed` is set when a monitor may be otherwise than it was."""
        self._statuses = statuses
        self._clock = clock
        self._changed = changed or asyncio.Event()
        self._ready = False
        self._said = ""
        self._broken = False

    async def run(self) -> None:
        """Until cancelled."""
        began = self._clock.now().monotonic
        ask_for_time()
        while True:
            now = self._clock.now()
            looked, line = self._look(now)
            ready = self._ready or looked or now.monotonic - began >= FIRST_LOOK
            self._tell(line, ready)
            if not ready:
                await self._clock.sleep(_SOON)
                continue
            after = self._clock.now().monotonic
            earliest = now.monotonic + min(AGAIN, max(SOONEST, _TIMES * (after - now.monotonic)))
            if await pause(self._clock, beat(self._clock, AGAIN), self._changed):
                left = earliest - self._clock.now().monotonic
                if left > 0:
                    await self._clock.sleep(left)
                    self._changed.clear()

    def _tell(self, line: str, ready: bool) -> None:
        news = [f"STATUS={line}"] if line != self._said else []
        if ready and not self._ready:
            news.append("READY=1")
        # What could not be said is said again at the next look.
        if news and systemd.notify("\n".join(news)):
            self._said, self._ready = line, ready

    def _look(self, now: Instant) -> tuple[bool, str]:
        """Whether all has been looked at, and how the monitors are, in one line."""
        try:
            judged = [(status.record.monitor, status.health(now)) for status in self._statuses]
        except Exception as error:  # nobody must end because of what is only told
            if not self._broken:
                self._broken = True
                LOG.exception("How the monitors are could not be told")
            return False, f"unknown: {error!r}"
        judged.sort(key=lambda one: _WORST_FIRST.index(one[1].level))
        words = [f"{name} {health.headline()}" for name, health in judged]
        # What was seen may hold half a character, which no message can carry.
        line = " | ".join(words).encode("utf-8", "backslashreplace").decode()
        return all(health.looked for _, health in judged), line[:_LONGEST]
