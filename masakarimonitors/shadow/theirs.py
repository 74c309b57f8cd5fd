"""What others have told masakari of that which one monitor watches: all pages of it at a reading.

In: masakari-api, read. Out: `Statement`s, or LookupFailed; half an answer is none. The instance and the process monitor
are compared with what was told of this host, the host monitor with what was told of all others.
"""

import datetime
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from masakarimonitors.core.agreement import told
from masakarimonitors.core.agreement.told import GUEST_SILENT, Statement
from masakarimonitors.core.notification import HostNotification, ProcessNotification, VmNotification
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import Reader, Stored, find_host, notifications

KINDS: Mapping[str, str] = {
    "hostmonitor": HostNotification.type,
    "instancemonitor": VmNotification.type,
    "processmonitor": ProcessNotification.type,
}
"""The monitors that can be compared, and masakari's type of what they tell."""

NAMES = 50
"""Hosts whose names are asked for in one reading at most; the next reading asks for more."""

FOUND_FOR = 60
"""Readings after which this host is looked for anew: registered again, it has another uuid."""
AGAIN = 5
"""Readings after which one that was not found is looked for again."""


class Theirs:
    """Reads for one monitor."""

    def __init__(self, api: Reader, monitor: str, hostname: str) -> None:
        """Nothing is asked yet; `hostname`: what masakari calls this host."""
        self._api = api
        self._kind = KINDS[monitor]
        self._own = hostname
        self._uuid = ""
        # How many readings ago it was looked for, and why it was not found then.
        self._age, self._fault = 0, ""
        self._names: dict[str, str] = {}

    async def read(self, since: datetime.datetime) -> Sequence[Statement]:
        """All that was generated `since` (aware); raises LookupFailed."""
        if self._kind == HostNotification.type:
            stored = await notifications(self._api, self._kind, since)
            await self._learn(stored)
            own = self._own.casefold()
            # Nobody's own monitor judges its own host.
            return [self._told(one) for one in stored if self._names[one.host_uuid].casefold() != own]
        return [
            self._told(one) for one in await self._of_host(since) if one.payload.get("event") != GUEST_SILENT
        ]

    async def _of_host(self, since: datetime.datetime) -> Sequence[Stored]:
        self._age += 1
        if not self._uuid or self._age > FOUND_FOR:
            # To look through all segments each minute would be more than all else.
            if self._fault and self._age < AGAIN:
                raise LookupFailed(self._fault)
            await self._find()
        return await notifications(self._api, self._kind, since, host_uuid=self._uuid)

    async def _find(self) -> None:
        self._age, self._uuid = 0, ""
        try:
            self._uuid = (await find_host(self._api, self._own)).uuid
        except LookupFailed as fault:
            self._fault = str(fault)
            raise
        self._fault = ""
        self._names[self._uuid] = self._own

    def _told(self, one: Stored) -> Statement:
        name = self._names.get(one.host_uuid, one.host_uuid)
        return told.listed(self._kind, name, one.payload, one.generated_time, one.uuid)

    async def _learn(self, stored: Sequence[Stored]) -> None:
        unknown = {one.host_uuid: one.segment_uuid for one in stored if one.host_uuid not in self._names}
        for uuid, segment in list(unknown.items())[:NAMES]:
            path = f"/segments/{quote(segment, safe='')}/hosts/{quote(uuid, safe='')}"
            try:
                answer = await self._api.get(path)
            except LookupFailed as fault:
                if not fault.unknown:
                    raise
                self._names[uuid] = uuid  # it was deleted since
                continue
            host = answer.get("host") if isinstance(answer, dict) else None
            name = host.get("name") if isinstance(host, dict) else None
            if not isinstance(name, str) or not name:
                raise LookupFailed(f"GET {path}: an answer without the host's name")
            self._names[uuid] = name
        if len(unknown) > NAMES:
            raise LookupFailed(f"the names of {len(unknown) - NAMES} hosts are not known yet")
