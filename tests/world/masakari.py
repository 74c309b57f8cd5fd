"""A masakari with its own rules, on made-up time: who offers what, when, and what it says to that.

In: notifications and questions, each by a named sender. Out: HTTP answers, after as long as the real one takes,
and `accepted`. The rules are those of masakari-api and its engine with their defaults: a sleep of up to 5 s before
each notification is looked at, duplicates found by an equal payload with a generated_time that is not older than
the window, a host on maintenance refused whatever is said of it, and a flag that every recovery sets. With several
workers, two of them may look before either has written: both accept.

The engine looks now and then for what it has not begun with and for what it has failed at once, which it tries once
more. What it was at work on when it was killed is `running` for good: nobody looks for that, not even the engine that
is started after it.
"""

import asyncio
import datetime
import json
import random
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fixtures.fake_clock import EPOCH
from tests.fixtures.fake_loop import BEGIN

WINDOW = datetime.timedelta(seconds=180)
SEGMENT = "c0ffee00-0000-4000-8000-000000000001"
PAGE = 1000
RECOVERY = 219.0
"""Seconds in which its engine has worked off a host's failure by default: 180 of them it waits for nova."""
BEGINS = 0.5
"""Seconds after which it has begun with what is new: it sets the host on maintenance before anything else."""
AGAIN = 120.0
"""Seconds between two looks of the engine for what is new or in error; what is new has to be `UNTOUCHED` old then."""
UNTOUCHED = 60.0
OVER = ("finished", "ignored", "failed")


class Unanswered(Exception):
    """No answer came; `arrived`: the question did."""

    def __init__(self, words: str, *, arrived: bool) -> None:
        super().__init__(words)
        self.arrived = arrived


@dataclass
class Registered:
    """A host of the failover segment."""

    id: int
    name: str
    on_maintenance: bool = False

    @property
    def uuid(self) -> str:
        return f"c0ffee00-0000-4000-8000-1{self.id:011d}"

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "uuid": self.uuid,
            "name": self.name,
            "on_maintenance": self.on_maintenance,
        }


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One notification on its way into masakari: by whom, offered when (seconds), and what it was answered."""

    sender: str
    offered: float
    answered: float
    status: int
    host: str
    kind: str
    payload: dict[str, str] = field(hash=False)
    generated: datetime.datetime

    @property
    def event(self) -> str:
        return self.payload["event"]

    @property
    def host_status(self) -> str:
        return self.payload.get("host_status", "")

    def __str__(self) -> str:
        return f"{self.event} {self.host_status} of {self.host} by {self.sender}: {self.status}"


@dataclass(kw_only=True)
class Kept:
    """One notification that masakari has accepted; `status` and `changed` are its engine's."""

    id: int
    kind: str
    host: Registered
    payload: dict[str, str]
    generated: datetime.datetime
    created: datetime.datetime
    status: str = "new"
    life: int = -1
    """In which of its engine's lives it was taken up last."""
    changed: datetime.datetime | None = None

    @property
    def uuid(self) -> str:
        return f"c0ffee00-0000-4000-8000-2{self.id:011d}"

    @property
    def recovers(self) -> bool:
        """Whether it tells the engine to do something."""
        fails = self.kind == "COMPUTE_HOST" and self.payload.get("host_status") == "NORMAL"
        return (fails or self.kind == "PROCESS") and self.payload["event"] == "STOPPED"

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "created_at": _naive(self.created),
            "updated_at": _naive(self.changed) if self.changed else None,
            "notification_uuid": self.uuid,
            "type": self.kind,
            "source_host_uuid": self.host.uuid,
            "failover_segment_uuid": SEGMENT,
            "generated_time": _naive(self.generated),
            "payload": self.payload,
            "status": self.status,
        }


class Masakari:
    """`pause`: how long (seconds) it sleeps before it looks; `workers` > 1: looking and writing are two steps;
    `recovery`: in how many seconds its engine has worked off a notification; `engine`: whether there is one; `nova`:
    whether it can do anything there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: random.Random, hosts: list[str]) -> None:
        self._loop = loop
        self._rng = rng
        self.hosts = {name: Registered(number, name) for number, name in enumerate(hosts, 1)}
        self.enabled = True
        self.pause = (0.0, 5.0)
        self.workers = 1
        self.engine = True
        self.nova = True
        self._life = 0
        self.recovery = RECOVERY
        self.offers: list[Offer] = []
        self.asked: list[str] = []
        self.bad_markers: list[str] = []
        self.page = PAGE
        self._kept: list[Kept] = []
        self.put_back: dict[str, float] = {}
        """When (seconds) a host whose failures it had worked off was last put back into service."""
        self._up = True
        self._mute = False
        self._status: dict[str, int] = {}
        self.on_offer: Callable[[Offer], None] = lambda offer: None

    # -- what a test does -----------------------------------------------------------------------

    def down(self) -> None:
        """Nobody listens."""
        self._up = False

    def up(self) -> None:
        """It listens again, answers, and takes everybody's credentials."""
        self._up, self._mute = True, False
        self._status.clear()

    def loses_answers(self) -> None:
        """What arrives is carried out, and no answer gets back."""
        self._mute = True

    def answers(self, status: int, sender: str = "") -> None:
        """Whatever `sender` (everybody, when none is named) asks is answered with this status and nothing else."""
        self._status[sender] = status

    def answers_again(self, sender: str = "") -> None:
        """As it should."""
        self._status.pop(sender, None)

    def maintain(self, host: str, on: bool = True) -> None:
        """An operator flags the host, or puts it back into service."""
        known, now = self.hosts[host], self._loop.time()
        if known.on_maintenance and not on and not self.is_at(host):
            self.put_back[host] = now
        known.on_maintenance = on

    def is_at(self, host: str) -> bool:
        """Whether its engine has not ended with all that was said of the host; nobody can put it back then."""
        return any(one.host.name == host and one.status not in OVER for one in self._kept)

    def kill_engine(self) -> None:
        """SIGKILL: whatever it is at work on stays as it is."""
        self.engine = False
        self._life += 1

    def start_engine(self) -> None:
        """It runs (again), and looks for what it has to do."""
        if not self.engine:
            self.engine = True
            self._life += 1
            self._loop.call_later(AGAIN, self._look_around, self._life)

    def let_a_day_pass(self) -> None:
        """What an engine was at that was killed has failed by then, as every notification that is so old."""
        for kept in self._kept:
            if kept.status == "running" and kept.life != self._life:
                self._becomes(kept, "failed")

    def unregister(self, host: str) -> None:
        """The host is in no segment any more."""
        del self.hosts[host]

    def register(self, host: str) -> None:
        """The host stands in the segment."""
        number = max((known.id for known in self.hosts.values()), default=0) + 1
        self.hosts[host] = Registered(number, host)

    @property
    def accepted(self) -> list[Offer]:
        """What it has taken, in order."""
        return [offer for offer in self.offers if offer.status == 202]

    # -- what a monitor does ----------------------------------------------------------------------

    async def post(self, body: str, sender: str) -> tuple[int, str]:
        """One POST /notifications."""
        offered = self._loop.time()
        await self._arrive()
        told = json.loads(body)["notification"]
        status = self._forced(sender)
        if status is None:
            await asyncio.sleep(self._rng.uniform(*self.pause))
            status, text = await self._judge(told)
        else:
            text = "{}"
        stamp = datetime.datetime.fromisoformat(told["generated_time"]).replace(tzinfo=datetime.UTC)
        offer = Offer(
            sender=sender,
            offered=offered,
            answered=self._loop.time(),
            status=status,
            host=told["hostname"],
            kind=told["type"],
            payload=told["payload"],
            generated=stamp,
        )
        self.offers.append(offer)
        self.on_offer(offer)
        await self._answer()
        return status, text

    async def get(self, path: str, sender: str) -> tuple[int, Any]:
        """One GET, relative to the endpoint."""
        await self._arrive()
        self.asked.append(path)
        status = self._forced(sender)
        answer: tuple[int, Any] = (status, {}) if status is not None else self._show(path)
        await self._answer()
        return answer

    # -- inside ---------------------------------------------------------------------------------

    async def _arrive(self) -> None:
        await asyncio.sleep(0.01)
        if not self._up:
            raise Unanswered("connection refused", arrived=False)

    async def _answer(self) -> None:
        if self._mute or not self._up:
            await asyncio.sleep(3600.0)
        await asyncio.sleep(0.01)

    def _forced(self, sender: str) -> int | None:
        return self._status.get(sender, self._status.get(""))

    async def _judge(self, told: dict[str, Any]) -> tuple[int, str]:
        host = self.hosts.get(told["hostname"])
        if host is None:
            return 400, _fault("badRequest", 400, f"Host with name {told['hostname']} could not be found.")
        if host.on_maintenance:
            words = (
                f"Notification received from host {host.name} of type '{told['type']}' is ignored as the host"
            )
            return 409, _fault("conflictingRequest", 409, f"{words} is already under maintenance.")
        kind, payload = told["type"], told["payload"]
        stamp = datetime.datetime.fromisoformat(told["generated_time"]).replace(tzinfo=datetime.UTC)
        if any(
            (one.host, one.kind, one.payload) == (host, kind, payload) and one.generated >= stamp - WINDOW
            for one in self._kept
        ):
            words = f"Notification received from host {host.name} of type '{kind}' is duplicate."
            return 409, _fault("conflictingRequest", 409, words)
        if self.workers > 1:
            await asyncio.sleep(0.03)
        kept = Kept(
            id=len(self._kept) + 1,
            kind=kind,
            host=host,
            payload=payload,
            generated=stamp,
            created=self._wall(),
        )
        self._kept.append(kept)
        if self.engine:
            self._loop.call_later(BEGINS, self._work, kept, self._life)
        return 202, json.dumps({"notification": kept.shown()})

    # -- its engine -----------------------------------------------------------------------------

    def _wall(self) -> datetime.datetime:
        return EPOCH + datetime.timedelta(seconds=self._loop.time() - BEGIN)

    def _becomes(self, kept: Kept, status: str) -> None:
        kept.status, kept.changed = status, self._wall()

    def _work(self, kept: Kept, life: int) -> None:
        """The engine of that life begins with it."""
        if life != self._life or kept.status not in ("new", "error"):
            return
        tries = 2 if kept.status == "error" else 1
        self._becomes(kept, "running")
        kept.life = life
        if self.enabled and kept.recovers:
            kept.host.on_maintenance = True
        self._loop.call_later(self.recovery - BEGINS, self._end, kept, life, tries)

    def _end(self, kept: Kept, life: int, tries: int) -> None:
        if life != self._life:
            return
        if not self.enabled or kept.payload.get("host_status") == "UNKNOWN":
            self._becomes(kept, "ignored")
        elif self.nova or not kept.recovers:
            self._becomes(kept, "finished")
        elif tries == 2:
            self._becomes(kept, "failed")
        else:
            self._becomes(kept, "error")
            self._loop.call_later(AGAIN, self._work, kept, life)

    def _look_around(self, life: int) -> None:
        """What nobody has begun with, and what an engine that was killed has failed at."""
        if life != self._life:
            return
        for kept in self._kept:
            age = (self._wall() - kept.created).total_seconds()
            if kept.status == "error" or (kept.status == "new" and age >= UNTOUCHED):
                self._work(kept, life)
        self._loop.call_later(AGAIN, self._look_around, life)

    def _show(self, path: str) -> tuple[int, Any]:
        address = urllib.parse.urlsplit(path)
        query = {key: values[-1] for key, values in urllib.parse.parse_qs(address.query).items()}
        match address.path.strip("/").split("/"):
            case ["segments"]:
                segment = {"id": 1, "uuid": SEGMENT, "name": "all", "enabled": self.enabled}
                return self._page("segments", [segment], query)
            case ["segments", uuid, "hosts"] if uuid == SEGMENT:
                return self._page("hosts", [one.shown() for one in self.hosts.values()], query)
            case ["segments", uuid, "hosts", host] if uuid == SEGMENT:
                found = [one.shown() for one in self.hosts.values() if one.uuid == host]
                return (200, {"host": found[0]}) if found else (404, {})
            case ["notifications"]:
                return self._page("notifications", [one.shown() for one in self._found(query)], query)
            case ["notifications", uuid]:
                known = [one.shown() for one in self._kept if one.uuid == uuid]
                return (200, {"notification": known[0]}) if known else (404, {})
        return 404, {}

    def _found(self, query: dict[str, str]) -> list[Kept]:
        since = query.get("generated-since")
        stamp = datetime.datetime.fromisoformat(since) if since else EPOCH - datetime.timedelta(days=9999)
        stamp = stamp if stamp.tzinfo else stamp.replace(tzinfo=datetime.UTC)
        return [
            one
            for one in reversed(self._kept)
            if one.generated >= stamp
            and query.get("type", one.kind) == one.kind
            and query.get("status", one.status) == one.status
            and query.get("source_host_uuid", one.host.uuid) == one.host.uuid
        ]

    def _page(self, key: str, items: list[dict[str, Any]], query: dict[str, str]) -> tuple[int, Any]:
        """One page of a list: a marker is the number of the last item of the page before, and nothing else."""
        if "marker" in query:
            numbers = [str(item["id"]) for item in items]
            if query["marker"] not in numbers:
                self.bad_markers.append(query["marker"])
                return 400, {"badRequest": {"message": f"Marker {query['marker']} could not be found."}}
            items = items[numbers.index(query["marker"]) + 1 :]
        return 200, {key: items[: min(int(query.get("limit", self.page)), self.page)]}


def _naive(moment: datetime.datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def _fault(name: str, status: int, words: str) -> str:
    return json.dumps({name: {"code": status, "message": words}})
