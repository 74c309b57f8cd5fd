"""Source: which hosts masakari has in its failover segments, and which of them are on maintenance.

In: GETs of masakari-api. Out: one `Registry` per reading; a reading that fails says so and is tried
again. Decides nothing.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from masakarimonitors.decisions.backoff import backoff
from masakarimonitors.hostmonitor.observation import Registry
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

# A first failure is usually a control plane that is just starting: ask again soon, then seldom.
_FIRST_RETRY = 5.0


class Reads(Protocol):
    """What this source asks of masakari-api's client."""

    async def get(self, path: str) -> Any:
        """Read a path relative to the endpoint; raises LookupFailed."""


class Segments:
    """Reads all segments and their hosts every `interval` seconds."""

    name = "segments of masakari"

    def __init__(self, clock: Clock, interval: float) -> None:
        """`interval` in seconds; the client comes later, by `use`."""
        self._clock = clock
        self._interval = interval
        self._api: Reads | None = None

    def use(self, api: Reads) -> None:
        """The client to read through; without one the source says that it cannot look."""
        self._api = api

    async def run(self, emit: Callable[[Registry], None]) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                registry = await self._read()
                failures = 0
            except LookupFailed as fault:
                failures += 1
                registry = Registry(None, str(fault), self._clock.now())
                if failures == 1:
                    LOG.warning(
                        "The hosts of masakari's failover segments cannot be read (%s). Nothing is held "
                        "because of it, but hosts on maintenance are not shown.",
                        fault,
                    )
            emit(registry)
            pause = backoff(failures, _FIRST_RETRY, self._interval) if failures else self._interval
            await self._clock.sleep(pause)

    async def _read(self) -> Registry:
        if self._api is None:
            raise LookupFailed("no client of masakari-api was given")
        hosts: dict[str, bool] = {}
        segments = await self._pages("/segments", "segments")
        for uuid in segments:
            for host in (await self._pages(f"/segments/{uuid}/hosts", "hosts")).values():
                name, on = host.get("name"), host.get("on_maintenance")
                if not isinstance(name, str):
                    raise LookupFailed(f"a host of segment {uuid} has no name")
                hosts[name] = on is True or hosts.get(name, False)
        why = f"{len(hosts)} hosts in {len(segments)} failover segments"
        return Registry(hosts, why, self._clock.now())

    async def _pages(self, path: str, key: str) -> dict[str, dict[str, Any]]:
        """Every item of a list, by uuid: the API cuts it into pages, of 1,000 with its defaults."""
        assert self._api is not None
        found: dict[str, dict[str, Any]] = {}
        marker = ""
        while True:
            answer = await self._api.get(path + (f"?marker={marker}" if marker else ""))
            items = answer.get(key) if isinstance(answer, dict) else None
            if not isinstance(items, list):
                raise LookupFailed(f"GET {path}: an answer without {key}")
            fresh = {
                str(item["uuid"]): item
                for item in items
                if isinstance(item, dict) and item.get("uuid") and str(item["uuid"]) not in found
            }
            if not fresh:
                return found
            found |= fresh
            marker = next(reversed(fresh))
