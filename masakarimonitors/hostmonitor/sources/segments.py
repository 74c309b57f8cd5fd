"""Source: which hosts masakari has in its failover segments, which of them are on maintenance, which disabled.

In: GETs of masakari-api. Out: one `Registry` per reading; a reading that fails says so and is tried
again. The elected reporter reads at the pace of the options; who follows reads once and then so seldom
that all monitors together stay below one request a second, and so do all where nobody is elected. Decides nothing.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

from masakarimonitors.core.backoff import backoff
from masakarimonitors.hostmonitor.core.observation import Registry
from masakarimonitors.hostmonitor.sources.leading import Leading
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import SegmentHost, hosts_of, segments
from masakarimonitors.monitor import MasakariReader
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)

# A first failure is usually a control plane that is just starting: ask again soon, then seldom.
_FIRST_RETRY = 5.0
# Seconds between two readings of one that follows, at least: what it reads it needs only if it comes to lead,
# and then it reads at once.
_SELDOM = 3600.0
# Seconds that each request of a reading must last. The elected reporter takes half a request a second, all that follow
# it together next to nothing: what is left of one request a second is for their questions whether the way works.
_REPORTERS_SPACING = 2.0
_FOLLOWERS_SPACING = 20.0
# Where nobody is elected, the monitors share one request a second.
_SHARED_SPACING = 1.1


class Segments:
    """Reads all segments and their hosts: every `interval` seconds while this monitor reports, else seldom."""

    name = "segments of masakari"

    def __init__(
        self,
        api: MasakariReader,
        clock: Clock,
        interval: float,
        *,
        leading: Leading | None = None,
        rng: random.Random | None = None,
        learn: Callable[[Sequence[SegmentHost]], None] = lambda hosts: None,
    ) -> None:
        """Read through `api`; `interval` in seconds.

        `leading`: whether this monitor is the elected reporter; None where nobody is elected, so that every
        monitor has to read and shares the load. `learn` is told every host of each reading.
        """
        self._api = _Counted(api)
        self._clock = clock
        self._interval = interval
        self._leading = leading
        self._news = leading.changed if leading is not None else asyncio.Event()
        self._rng = rng or random.Random(random.getrandbits(64))
        self._learn = learn
        self._hosts = 1
        # The monotonic second of its first turn since nobody is elected; None while somebody is.
        self._turn: float | None = None

    async def run(self, emit: Callable[[Registry], None]) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            self._news.clear()
            try:
                emit(await self._read())
                failures = 0
            except LookupFailed as fault:
                failures += 1
                emit(Registry(None, str(fault), self._clock.now()))
                if failures == 1:
                    LOG.warning(
                        "The hosts of masakari's failover segments cannot be read (%s). Nothing is held "
                        "because of it, but hosts on maintenance are not shown.",
                        fault,
                    )
            await self._rest(failures)

    async def _rest(self, failures: int) -> None:
        """Until the next reading is due; at once when this monitor has come to lead.

        While nobody is elected every monitor reports, by a reading that may be an hour old: each takes a turn of the
        pace that all share, so that they do not read at once.
        """
        since = self._clock.now().monotonic
        while True:
            seconds = self._until_next()
            if failures:
                seconds = backoff(failures, _FIRST_RETRY, seconds)
            now = self._clock.now().monotonic
            rest = max(since + seconds, self._first_turn(now)) - now
            if rest <= 0 or not await pause(self._clock, rest, self._news):
                return

    def _first_turn(self, now: float) -> float:
        if self._leading is None or not self._leading.nobody():
            self._turn = None
            return now
        if self._turn is None:
            self._turn = now + self._rng.random() * self._api.count * self._hosts * _SHARED_SPACING
        return self._turn

    def _until_next(self) -> float:
        """Seconds between two readings, by what the last one has cost."""
        if self._leading is not None and self._leading():
            return max(self._interval, self._api.count * _REPORTERS_SPACING)
        # Each of these hosts may have a monitor that reads like this one. Spread, so that they do not meet.
        requests = self._api.count * self._hosts * (1.0 + 0.25 * self._rng.random())
        if self._leading is None or self._leading.nobody():
            return max(self._interval, requests * _SHARED_SPACING)
        return max(_SELDOM, requests * _FOLLOWERS_SPACING)

    async def _read(self) -> Registry:
        self._api.count = 0
        began = self._clock.now()
        found: list[SegmentHost] = []
        known = await segments(self._api)
        for segment in known:
            found += await hosts_of(self._api, segment)
        self._learn(found)
        self._hosts = max(len(found), 1)
        disabled = frozenset(host.name for host in found if not host.segment.enabled)
        why = f"{len(found)} hosts in {len(known)} failover segments"
        if disabled:
            why += f", {len(disabled)} of them in disabled ones"
        return Registry(
            {host.name: host.on_maintenance for host in found},
            why,
            began,
            disabled=disabled,
            segments={host.name: host.segment.name for host in found},
        )


class _Counted:
    """The reader, and how many requests this reading has taken."""

    def __init__(self, api: MasakariReader) -> None:
        self._api = api
        self.count = 0

    async def get(self, path: str) -> Any:
        self.count += 1
        return await self._api.get(path)
