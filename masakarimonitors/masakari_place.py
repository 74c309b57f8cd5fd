"""Where masakari-api is, by keystone's catalogue: read anew when what stands there does not answer as masakari does.

In: how each call went. Out: the catalogue, which comes with a token and is kept for as long as that, read before its
time, so that an address that has moved is found with no restart. Beside all calls: a keystone that hangs or refuses
holds up no report, and what is known stays in use until there is something better. Few readings: each costs keystone a
new token.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from masakarimonitors.system.network.http_exchange import Exchange
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)

SOON, LATE = 60.0, 300.0
"""Seconds between two readings while a report is to be told: twice as many each time, up to the second."""
SELDOM = 3600.0
"""Seconds between two readings while nothing is: a thousand hosts with four processes each make little more than one a
second in the worst case, which is what the tokens of that many cost keystone anyway."""


@dataclass(slots=True)
class Pace:
    """When a failed call is a reason to read the catalogue anew. Pure; all times are monotonic seconds."""

    failures: int = 0
    last: float = -math.inf
    apart: float = SOON

    def failed(self, now: float, *, report: bool) -> bool:
        """Whether to read now: at the first report that fails, of questions at the second in a row."""
        self.failures += 1
        due = self.last + (self.apart if report else SELDOM)
        if now < due or (not report and self.failures < 2):
            return False
        self.last = now
        if report:
            self.apart = min(2 * self.apart, LATE)
        return True

    def answered(self) -> None:
        """It is masakari that stands there."""
        self.failures, self.apart = 0, SOON


class Place:
    """Has it read when that is due, on a thread of its own."""

    def __init__(
        self,
        renew: Callable[[], str],
        seconds: float,
        largest: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`renew` reads it and says what has changed; within so many seconds, and so many bytes of a body."""
        self._renew = renew
        self._seconds = seconds
        self._largest = largest
        self._now = now
        self._pace = Pace()
        self._reading = False
        self._pool = Pool("masakari-place")

    def answered(self) -> None:
        """A call was answered by masakari."""
        self._pace.answered()

    def failed(self, *, report: bool) -> None:
        """A call found no masakari there; `report`: something was to be told."""
        if self._reading or not self._pace.failed(self._now(), report=report):
            return
        self._reading = True
        try:
            self._pool.submit(self._read)
        except NoThread as fault:
            self._reading = False
            LOG.debug("keystone's catalogue is not read anew: %s", fault)

    def close(self) -> None:
        """It is read no more; nobody waits for what is under way."""
        self._pool.close()

    def _read(self) -> None:
        try:
            with Exchange(self._seconds, self._largest).here():
                changed = self._renew()
            if changed:
                LOG.warning("%s", changed)
        except Exception as fault:  # noqa: BLE001 - whatever an identity plugin raises: what is known stays in use
            LOG.debug("keystone's catalogue could not be read anew: %s: %s", type(fault).__name__, fault)
        finally:
            self._reading = False
