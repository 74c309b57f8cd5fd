"""One look at masakari: which of a host's reports its engine has not ended with, and what became of ours.

In: a host, and the reports of it that are tracked. Out: a `Look`, or LookupFailed. Four short lists, and one
question for each of ours that is in none of them; nothing that makes masakari-api ask its engine.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from masakarimonitors.core.notification import (
    ENGINE_ACTS_ON,
    HostEvent,
    HostNotification,
    HostStatus,
    VmNotification,
)
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import (
    Reader,
    Stored,
    find_host,
    has_host,
    newest_of,
    notification,
    on_maintenance,
)
from masakarimonitors.outbox.pace.pace import HostReport, Look
from masakarimonitors.outbox.pace.stages import Lane, Sign
from masakarimonitors.outbox.progress import Seen
from masakarimonitors.system.clock import Clock

UNFINISHED = ("new", "running", "error")
"""masakari's words for what its engine has not ended with; what is in error it tries once more."""
_SIGNS = {"finished": Sign.FINISHED, "ignored": Sign.IGNORED, "failed": Sign.FAILED}
_BEFORE = datetime.timedelta(hours=2)
"""A host that was reported so long before an instance died is not being recovered any more."""
_YOUNG = 600.0
"""Every look tells of what has died within so many seconds whether its host was recovered; of what is older, one does
for which it has waited."""
_TAKEN_UP = 180.0
"""So many seconds after it has begun with a host's report the engine has long set the host on maintenance: it does so
first of all. A host that is in service by then was put back by somebody, and nobody recovers it."""
_KNOWN = 120.0
"""Seconds for which masakari's uuid of a host is believed: one that is registered anew has another, and nothing of what
stands there is listed under the old one."""
_ROUNDING = 1.0
"""Seconds by which masakari's times are uncertain: its database may keep whole ones only, and so does a Date header."""


@dataclass(frozen=True, slots=True)
class _Known:
    """masakari's uuid of a host, and of its segment (empty: not known), as of monotonic second `at`."""

    uuid: str
    segment: str
    at: float


class Looks:
    """Looks at masakari through `reader`; knows the uuids of hosts once it was told or has found them."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        """Nothing is known yet."""
        self._reader = reader
        self._clock = clock
        self._hosts: dict[str, _Known] = {}

    def learn(self, hostname: str, host_uuid: str) -> None:
        """masakari calls that host so."""
        if host_uuid:
            before = self._hosts.get(hostname)
            segment = before.segment if before is not None and before.uuid == host_uuid else ""
            self._hosts[hostname] = _Known(host_uuid, segment, self._clock.now().monotonic)

    async def look(self, hostname: str, tracked: Iterable[str], oldest: float = 0.0) -> Look:
        """How the host's reports stand, above all those of `tracked` (masakari's uuids); raises LookupFailed.

        `oldest`: the age in seconds of the oldest report that waits; its host may have been recovered since.
        """
        try:
            return await self._look(hostname, tracked, oldest)
        except LookupFailed as fault:
            if fault.unknown:
                self._hosts.pop(hostname, None)
            raise

    async def _look(self, hostname: str, tracked: Iterable[str], oldest: float) -> Look:
        now = self._clock.now()
        host = await self._host(hostname)
        unfinished: dict[str, Lane] = {}
        changed: dict[str, float] = {}
        found: dict[str, Stored | None] = {}
        for status in UNFINISHED:
            for one in await newest_of(self._reader, host, VmNotification.type, status=status):
                if one.status == status:  # a server that knows no such filter tells of them all
                    self._note_segment(hostname, one)
                    found[one.uuid] = one
                    unfinished[one.uuid] = _lane(one.payload)
                    changed[one.uuid] = self._monotonic(one.updated_at or one.created_at)
        signs: dict[str, Sign] = {}
        ours = list(tracked)
        for uuid in ours:
            if uuid not in unfinished:
                found[uuid] = stored = await notification(self._reader, uuid)
                signs[uuid] = self._sign(hostname, stored)
        recovered: dict[str, float] = {}
        hosts: dict[str, HostReport] = {}
        abandoned: set[str] = set()
        back = _BEFORE + datetime.timedelta(seconds=max(oldest, _YOUNG))
        since = (self._date() - back).astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0)
        asked = {"generated-since": since.isoformat()}
        for one in await newest_of(self._reader, host, HostNotification.type, **asked):
            if not _is_host_failure(one.payload):
                continue
            if one.status in UNFINISHED:
                report = await self._host_report(one)
                if report is None:
                    abandoned.add(one.uuid)
                    continue
                unfinished[one.uuid], hosts[one.uuid] = Lane.HOST, report
            elif one.status == "finished" and one.updated_at is not None:
                recovered[one.uuid] = self._monotonic(one.updated_at)
        return Look(
            began=now.monotonic,
            unfinished=unfinished,
            signs=signs,
            recovered=recovered,
            hosts=hosts,
            abandoned=frozenset(abandoned),
            changed=changed,
            seen={uuid: self._seen(found[uuid]) for uuid in ours},
            reaches=now.monotonic - max(oldest, _YOUNG) - _ROUNDING,
        )

    async def _host_report(self, one: Stored) -> HostReport | None:
        """What an unfinished report of the whole host is worth; None when nobody works at it any more."""
        changed = self._monotonic(one.updated_at or one.created_at)
        if one.status == "new":
            return HostReport(changed, doubtful=True)
        if self._clock.now().monotonic - changed < _TAKEN_UP + _ROUNDING:
            return HostReport(changed, doubtful=False)
        try:
            kept = await on_maintenance(self._reader, one)
        except LookupFailed as fault:
            if fault.unknown:  # that host is registered no more under this uuid
                self._hosts = {
                    name: known for name, known in self._hosts.items() if known.uuid != one.host_uuid
                }
            return HostReport(changed, doubtful=True)
        if kept is None:
            return HostReport(changed, doubtful=True)
        return HostReport(changed, doubtful=False) if kept else None

    async def _host(self, hostname: str) -> str:
        known, now = self._hosts.get(hostname), self._clock.now().monotonic
        if known is None or (now >= known.at + _KNOWN and not await self._is_still(known, hostname)):
            self._hosts.pop(hostname, None)
            found = await find_host(self._reader, hostname)
            known = _Known(found.uuid, found.segment.uuid, now)
        elif now >= known.at + _KNOWN:
            known = replace(known, at=now)
        self._hosts[hostname] = known
        return known.uuid

    async def _is_still(self, known: "_Known", hostname: str) -> bool:
        """Whether masakari has that host under that uuid; where its segment is not known it is looked for anew."""
        return bool(known.segment) and await has_host(self._reader, known.segment, known.uuid, hostname)

    def _note_segment(self, hostname: str, one: Stored) -> None:
        """Through its segment a host can be asked for by itself, however many others there are."""
        known = self._hosts.get(hostname)
        if known is not None and not known.segment and known.uuid == one.host_uuid:
            self._hosts[hostname] = replace(known, segment=one.segment_uuid)

    def _sign(self, hostname: str, stored: Stored | None) -> Sign:
        if stored is None:
            return Sign.UNKNOWN
        self._note_segment(hostname, stored)
        return _SIGNS.get(stored.status, Sign.UNFINISHED)

    def _seen(self, stored: Stored | None) -> Seen | None:
        return None if stored is None else seen_of(stored, self._date())

    def _monotonic(self, moment: datetime.datetime) -> float:
        """A moment of masakari's clock by our monotonic one, rather too early than too late."""
        now = self._clock.now()
        return now.monotonic - (self._date() - moment).total_seconds() - _ROUNDING

    def _date(self) -> datetime.datetime:
        """masakari's own time, as its last answer told it; ours where it does not."""
        date: datetime.datetime | None = getattr(self._reader, "date", None)
        return date or self._clock.now().wall


def seen_of(stored: Stored, date: datetime.datetime) -> Seen:
    """What a look has shown of one; `date`: masakari's own time."""
    return Seen(
        status=stored.status,
        seconds=max(0.0, (date - (stored.updated_at or stored.created_at)).total_seconds()),
    )


def _lane(payload: Mapping[str, object]) -> Lane:
    acted_on = (payload.get("event"), payload.get("vir_domain_event")) in ENGINE_ACTS_ON
    return Lane.RECOVERED if acted_on else Lane.FILED


def _is_host_failure(payload: Mapping[str, object]) -> bool:
    return payload.get("event") == HostEvent.STOPPED and payload.get("host_status") == HostStatus.NORMAL
