"""What masakari-api lists: segments, their hosts and the notifications that it has, read page by page.

In: a reader of paths. Out: records with what this project needs of each item. Every list is whole or
LookupFailed: half a list would make a registered host look like one that masakari does not know.
"""

import contextlib
import datetime
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from masakarimonitors.core.notification import HostEvent, HostStatus
from masakarimonitors.core.offers.again import HostSeen
from masakarimonitors.core.outside import moment_in_utc
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.system.clock import Clock

FINISHED = frozenset({"finished", "failed", "ignored"})
"""The last words of masakari's engine about a notification."""

_ROUNDING = datetime.timedelta(seconds=1)
"""masakari's database may keep whole seconds only (MySQL's DATETIME), cut off or rounded."""


_LONGEST = 100_000
"""Items of one list; more than any cloud has. masakari keeps a notification for as long as its operator lets it."""


class Reader(Protocol):
    """What reading needs of the client. One that knows the API's own time tells it as `date` (aware)."""

    async def get(self, path: str) -> Any:
        """Read `path` ("/segments"), relative to the service's endpoint; raises LookupFailed."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A failover segment; `enabled` False: masakari accepts reports about its hosts and recovers none of them."""

    uuid: str
    name: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHost:
    """A host in a failover segment, by the name that reports must use."""

    uuid: str
    name: str
    on_maintenance: bool
    segment: Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A notification that masakari has; `status` is its engine's word (new, running, error, finished, ignored, failed).

    `generated_time` is its sender's, `created_at` masakari's own time of it, `updated_at` that of its last
    change (None: never changed); all aware.
    """

    uuid: str
    host_uuid: str
    segment_uuid: str
    generated_time: datetime.datetime
    created_at: datetime.datetime
    payload: Mapping[str, Any]
    status: str
    updated_at: datetime.datetime | None = None


async def pages(api: Reader, path: str, key: str, **filters: str) -> list[Mapping[str, Any]]:
    """Every item of a list, in the API's order.

    The API cuts its lists at its own `osapi_max_limit`, which nobody is told: only a page with nothing new
    is the end of a list. The marker is the integer `id` of the last item; the API knows no other.
    """
    found: dict[int, Mapping[str, Any]] = {}
    marker: int | None = None
    while True:
        asked = filters if marker is None else filters | {"marker": str(marker)}
        answer = await api.get(f"{path}?{urlencode(asked)}" if asked else path)
        items = _items(answer, path, key)
        fresh = {number: item for item in items if (number := _number(item, path)) not in found}
        if not fresh:
            return list(found.values())
        found |= fresh
        if len(found) > _LONGEST:
            raise LookupFailed(f"GET {path}: more than {_LONGEST} {key}, a list without end")
        marker = _number(items[-1], path)


async def segments(api: Reader) -> list[Segment]:
    """Every failover segment; where the API is too old to say so, each counts as enabled."""
    return [
        Segment(_text(item, "uuid"), str(item.get("name", "")), item.get("enabled") is not False)
        for item in await pages(api, "/segments", "segments")
    ]


async def hosts_of(api: Reader, segment: Segment) -> list[SegmentHost]:
    """Every host of one failover segment."""
    return [
        SegmentHost(
            uuid=_text(item, "uuid"),
            name=_text(item, "name"),
            on_maintenance=item.get("on_maintenance") is True,
            segment=segment,
        )
        for item in await pages(api, f"/segments/{segment.uuid}/hosts", "hosts")
    ]


async def notifications(
    api: Reader, kind: str, since: datetime.datetime, *, host_uuid: str = ""
) -> list[Stored]:
    """What masakari has of one type (COMPUTE_HOST, VM, PROCESS), generated at `since` (aware) or later.

    `host_uuid`: of that host alone.
    """
    asked = {"type": kind} | ({"source_host_uuid": host_uuid} if host_uuid else {}) | generated(since)
    return [_stored(item) for item in await pages(api, "/notifications", "notifications", **asked)]


def generated(since: datetime.datetime) -> dict[str, str]:
    """The API's own filter for what was generated at `since` (aware) or later."""
    utc = (since - _ROUNDING).astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0)
    return {"generated-since": utc.isoformat()}


async def newest_of(api: Reader, host_uuid: str, kind: str, **filters: str) -> list[Stored]:
    """A host's newest notifications of one type that pass the API's own `filters`: one page, newest first."""
    asked = {"type": kind, "source_host_uuid": host_uuid} | filters
    answer = await api.get(f"/notifications?{urlencode(asked)}")
    return [_stored(item) for item in _items(answer, "/notifications", "notifications")]


async def running_of(api: Reader, host_uuid: str) -> list[Stored]:
    """What masakari shows its engine at work on, of one host and of whatever type: one page, newest first."""
    answer = await api.get(
        f"/notifications?{urlencode({'source_host_uuid': host_uuid, 'status': 'running'})}"
    )
    return [_stored(item) for item in _items(answer, "/notifications", "notifications")]


async def notification(api: Reader, uuid: str) -> Stored | None:
    """One notification; None when masakari does not know it (any more)."""
    path = f"/notifications/{quote(uuid, safe='')}"
    try:
        answer = await api.get(path)
    except LookupFailed as fault:
        if fault.unknown:
            return None
        raise
    item = answer.get("notification") if isinstance(answer, dict) else None
    if not isinstance(item, dict):
        raise LookupFailed(f"GET {path}: an answer without notification")
    return _stored(item)


async def on_maintenance(api: Reader, stored: Stored) -> bool | None:
    """Whether masakari has the host of that notification on maintenance; None when it does not say."""
    return await flag_of(api, stored.segment_uuid, stored.host_uuid)


async def flag_of(api: Reader, segment_uuid: str, host_uuid: str) -> bool | None:
    """Whether masakari has that host on maintenance; None when it does not say."""
    path = f"/segments/{quote(segment_uuid, safe='')}/hosts/{quote(host_uuid, safe='')}"
    answer = await api.get(path)
    host = answer.get("host") if isinstance(answer, dict) else None
    said = host.get("on_maintenance") if isinstance(host, dict) else None
    return said if isinstance(said, bool) else None


async def has_host(api: Reader, segment_uuid: str, host_uuid: str, hostname: str) -> bool:
    """Whether masakari has that host under that uuid still; raises LookupFailed."""
    path = f"/segments/{quote(segment_uuid, safe='')}/hosts/{quote(host_uuid, safe='')}"
    try:
        answer = await api.get(path)
    except LookupFailed as fault:
        if fault.unknown:
            return False
        raise
    host = answer.get("host") if isinstance(answer, dict) else None
    if not isinstance(host, dict):
        raise LookupFailed(f"GET {path}: an answer without host")
    return _text(host, "name").casefold() == hostname.casefold()


async def find_host(api: Reader, hostname: str) -> SegmentHost:
    """The host by its name, through as many segments as it takes; LookupFailed when it is in none."""
    for segment in await segments(api):
        for host in await hosts_of(api, segment):
            # masakari on MariaDB takes a host's name in any case of its letters.
            if host.name.casefold() == hostname.casefold():
                return host
    raise LookupFailed(f"{hostname} is in none of masakari's failover segments")


async def standing(api: Reader, hostname: str, kind: str) -> tuple[bool | None, bool | None]:
    """Whether something of that type about that host waits that masakari's engine has not begun with, and its flag.

    The flag: whether it is on maintenance, read last; the engine may begin with what waits meanwhile, and sets it as
    the first thing. Each None where it is not known: the host is in no segment, or masakari does not let it be read.
    The segments are read once, for both.
    """
    waits: bool | None = None
    flag: bool | None = None
    with contextlib.suppress(LookupFailed):
        host = await find_host(api, hostname)
        with contextlib.suppress(LookupFailed):
            waits = bool(await newest_of(api, host.uuid, kind, status="new"))
        flag = await flag_of(api, host.segment.uuid, host.uuid)
    return waits, flag


async def see_host(
    api: Reader, hostname: str, clock: Clock, since: datetime.datetime | None = None
) -> HostSeen:
    """How masakari has the host of that name; with `since` (aware) also whether it was told of its failure since then.

    Never raises: where masakari cannot be read, nobody knows.
    """
    began = clock.now()
    try:
        for segment in await segments(api):
            for host in await hosts_of(api, segment):
                # masakari on MariaDB takes a host's name in any case of its letters.
                if host.name.casefold() == hostname.casefold():
                    failed_at = None if since is None else await _failed_at(api, host.uuid, since)
                    return HostSeen(True, host.on_maintenance, began, failed_at=failed_at)
    except LookupFailed:
        return HostSeen(None, None, began)
    return HostSeen(False, None, began)


async def _failed_at(api: Reader, host_uuid: str, since: datetime.datetime) -> datetime.datetime | None:
    told = await newest_of(api, host_uuid, "COMPUTE_HOST", **generated(since))
    return max(
        (
            one.generated_time
            for one in told
            if one.payload.get("event") == HostEvent.STOPPED.value
            and one.payload.get("host_status") == HostStatus.NORMAL.value
            and one.status != "ignored"
        ),
        default=None,
    )


class ReportFinder:
    """Finds a report among the notifications that masakari has, whoever has sent it.

    masakari keeps a report under its host's uuid, so each uuid's name is asked for once, unless it is known
    from a listing (`learn`).
    """

    def __init__(self, api: Reader, now: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet. `now`: monotonic seconds, by which it is told how long an answer has taken."""
        self._api = api
        self._now = now
        self._names: dict[str, str] = {}
        # By name, as masakari compares it: the uuids of its segment and its own.
        self._places: dict[str, tuple[str, str]] = {}

    def learn(self, hosts: Iterable[SegmentHost]) -> None:
        """The names that belong to these hosts' uuids, and the segments that they stand in."""
        self._names |= {host.uuid: host.name for host in hosts}
        self._places = {host.name.casefold(): (host.segment.uuid, host.uuid) for host in hosts}

    async def flag(self, hostname: str) -> bool | None:
        """Whether masakari has that host on maintenance now; None where no listing has shown it, or it is not said.

        Raises LookupFailed. One request, however large the cloud is.
        """
        place = self._places.get(hostname.casefold())
        return None if place is None else await flag_of(self._api, *place)

    async def find(
        self,
        hostname: str,
        kind: str,
        wanted: Callable[[Stored, bool], bool],
        *,
        since: datetime.datetime,
        now: datetime.datetime,
        failed: datetime.datetime | None = None,
    ) -> Stored | None:
        """The newest one of `hostname` and `kind` that was generated `since` then and is `wanted`; raises LookupFailed.

        `since` and `now` are of our clock, and aware. `wanted` is told besides whether masakari has got it
        since then by its own clock: an older one from a sender whose clock was ahead says a later time, too.
        `failed` (as `since`): when a host's failure that is looked for was first seen; one that was over before it
        (`over`) is not told to be so recent.
        A host's failure that masakari has got since then counts although its sender, whose clock was behind, says an
        earlier time, where a listing has shown the host: for one request more.
        """
        began = self._now()
        known = await notifications(self._api, kind, since)
        # Their clock was told with the answer, and ours before it was asked for. But for what lies between, a report
        # that masakari had just got from another monitor would seem older than the failure, which was told once more.
        received = self.theirs(since, now) - datetime.timedelta(seconds=self._now() - began)
        ended = over(known, failed) if failed is not None else frozenset()
        for one in known:
            # masakari on MariaDB takes a host's name in any case of its letters.
            recent = one.created_at >= received and one.uuid not in ended
            if wanted(one, recent) and (await self._name(one)).casefold() == hostname.casefold():
                return one
        place = self._places.get(hostname.casefold())
        if place is None or kind != "COMPUTE_HOST":
            return None
        every = await newest_of(self._api, place[1], kind)
        ended = over(every, failed) if failed is not None else frozenset()
        behind = (one for one in every if one.created_at >= received and one.uuid not in ended)
        return next((one for one in behind if wanted(one, True)), None)

    async def failure(
        self, hostname: str, *, since: datetime.datetime, now: datetime.datetime
    ) -> Stored | None:
        """The newest report of that host's failure on which masakari acts, generated `since` then; raises LookupFailed.

        One that it ignored, since it acts on another monitor's of the same failure, say, only where there is no other.
        `since` and `now` are of our clock, and aware. One request where a listing has shown the host, however many
        there are.
        """

        def acted_on(one: Stored, recent: bool = True) -> bool:
            said = one.payload.get("event"), one.payload.get("host_status")
            return said == (HostEvent.STOPPED.value, HostStatus.NORMAL.value)

        def taken(one: Stored, recent: bool = True) -> bool:
            return acted_on(one) and one.status != "ignored"

        place = self._places.get(hostname.casefold())
        if place is None:
            for wanted in (taken, acted_on):
                found = await self.find(hostname, "COMPUTE_HOST", wanted, since=since, now=now)
                if found is not None:
                    return found
            return None
        told = await newest_of(self._api, place[1], "COMPUTE_HOST", **generated(since))
        return next(filter(taken, told), next(filter(acted_on, told), None))

    def theirs(self, moment: datetime.datetime, now: datetime.datetime) -> datetime.datetime:
        """`moment` of our clock by masakari's own, as its last answer tells it, which has come by `now`.

        A little earlier, never later.
        """
        date: datetime.datetime | None = getattr(self._api, "date", None)
        return (date or now) - (now - moment) - _ROUNDING

    async def _name(self, stored: Stored) -> str:
        if stored.host_uuid not in self._names:
            path = f"/segments/{stored.segment_uuid}/hosts/{stored.host_uuid}"
            answer = await self._api.get(path)
            host = answer.get("host") if isinstance(answer, dict) else None
            if not isinstance(host, dict):
                raise LookupFailed(f"GET {path}: an answer without host")
            self._names[stored.host_uuid] = _text(host, "name")
        return self._names[stored.host_uuid]


def over(known: Iterable[Stored], failed: datetime.datetime) -> frozenset[str]:
    """Of `known`, newest first: the uuids of failures of hosts that cannot be the one that was first seen at `failed`.

    masakari was told afterwards that the host is back, before `failed`. What its engine has not finished with
    is not over: it will see to the host, whatever it was told since. Who may have said that it is back only after
    `failed` sees it otherwise than whoever sees it fail, which proves nothing.
    """
    back: dict[str, datetime.datetime] = {}
    ended = set[str]()
    for one in known:
        event, stamp = one.payload.get("event"), one.generated_time
        if event == HostEvent.STARTED.value and stamp <= failed:
            back[one.host_uuid] = max(stamp, back.get(one.host_uuid, stamp))
        elif event == HostEvent.STOPPED.value and one.status in FINISHED:
            # Older by the senders' clocks, too: a return that was delivered late ends nothing that began after it.
            returned = back.get(one.host_uuid)
            if returned is not None and stamp <= returned:
                ended.add(one.uuid)
    return frozenset(ended)


def near(moment: datetime.datetime, others: Sequence[datetime.datetime]) -> bool:
    """Whether it is one of `others`, as a database of whole seconds tells it (aware times)."""
    return any(abs(moment - other) <= _ROUNDING for other in others)


def _items(answer: Any, path: str, key: str) -> list[Mapping[str, Any]]:
    items = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise LookupFailed(f"GET {path}: an answer without {key}")
    return items


def _stored(item: Mapping[str, Any]) -> Stored:
    payload = item.get("payload")
    return Stored(
        uuid=_text(item, "notification_uuid"),
        host_uuid=_text(item, "source_host_uuid"),
        segment_uuid=_text(item, "failover_segment_uuid"),
        generated_time=_moment(item, "generated_time"),
        created_at=_moment(item, "created_at"),
        payload=payload if isinstance(payload, dict) else {},
        status=str(item.get("status", "")),
        updated_at=_moment(item, "updated_at") if item.get("updated_at") else None,
    )


def _moment(item: Mapping[str, Any], key: str) -> datetime.datetime:
    """masakari's times are UTC and do not say so."""
    if (found := moment_in_utc(_text(item, key))) is None:
        raise LookupFailed(f"a notification whose {key} is no moment: {item[key]!r:.40}")
    return found


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    # Half a character cannot be asked about, nor compared with what is sent.
    if not isinstance(value, str) or not value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise LookupFailed(f"an item of masakari-api's answer has no {key}")
    return value


def _number(item: Mapping[str, Any], path: str) -> int:
    number = item.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise LookupFailed(f"GET {path}: an item without the integer id by which its list is read on")
    return number
