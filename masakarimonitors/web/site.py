"""The page of all monitors of this host, kept as they are in every browser that has it open.

In: the monitors, asked again and again; what their files tell; the explanation of a subject. Out: answers over HTTP:
the page, its script and style, events that tell what has changed, explanations. Nothing can be changed by a request.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masakarimonitors.core.decision import JSON
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.network.h11_server import PLAIN, Answer, Handler, Request, in_words
from masakarimonitors.system.threads import NoThread, Pool
from masakarimonitors.version import VERSION
from masakarimonitors.web.changes import Changes
from masakarimonitors.web.lives import shown_time
from masakarimonitors.web.page import Shown, elements
from masakarimonitors.web.past import OnDisk, Past
from masakarimonitors.web.rendering import HEADERS, HERE, Rendering
from masakarimonitors.web.watching import Watch

LOG = logging.getLogger(__name__)

EYES = 24
"""Pages that are kept up to date at a time; further ones are told to come again."""

BEAT = 5.0
"""Seconds after which a page is told that nothing has changed: or it could not know that anybody is there."""

EXPLAINED = 8
"""Explanations that are under way at a time: each holds its connection for as long as a disk hangs, and nobody makes
room in that time for whoever asks a probe."""

_RETRY = 1000
"""Milliseconds after which a browser asks again when the stream has ended."""

_READ = 5.0
"""Seconds for the disk to answer."""

_STATIC = {
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is told of what was asked for: in the first line how it stands, then parts of rows with three cells each.

    `choices`: subjects which it may be, where that is not clear. `remarks`: what could not be asked or read.
    """

    first: str
    parts: Sequence[tuple[str, Sequence[Sequence[str]]]] = ()
    choices: Sequence[str] = ()
    remarks: Sequence[str] = ()
    known: bool = True


Explain = Callable[[str], Explanation]
"""Explains a subject, or whatever else was typed; blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the page finds what the sockets do not tell: both block. `folder`: the folder for state, if it can be read,
    and what keeps it from being."""

    folder: Callable[[], tuple[Path | None, str]] = field(default=lambda: (None, ""))
    explain: Explain = field(default=lambda word: Explanation(first="", known=False))


class Site:
    """The page; `routes` are answered, and `look` is called after each look at the monitors."""

    def __init__(
        self, watch: Watch, clock: Clock, *, host: str, monitors: Sequence[str], sources: Sources
    ) -> None:
        """Nothing is known yet; `host`: what this host is called."""
        self._watch = watch
        self._clock = clock
        self._host = host
        self._monitors = monitors
        self._sources = sources
        self._past = Past(monitors)
        self._told = OnDisk()
        self._pool = Pool("reading the files of the monitors")
        self._explaining = Pool("explaining")
        self._asked = 0
        self._reading: asyncio.Task[None] | None = None
        self._rendering = Rendering()
        self._changes = Changes()
        self._boot = secrets.token_hex(6)
        self._changed: set[asyncio.Event] = set()

    @property
    def routes(self) -> Mapping[str, Handler]:
        """What is answered where, beside probes and metrics."""
        return {
            "/": self._page,
            "/events": self._events,
            "/explain": self._explain,
            "/status.json": self._json,
            **{path: self._static(path, kind) for path, kind in _STATIC.items()},
        }

    def look(self) -> None:
        """The monitors were asked: whoever has the page open is told what has changed."""
        if self._watch.eyes:
            self._renew()

    def close(self) -> None:
        """Nobody is told anything any more."""
        self._pool.close()
        self._explaining.close()
        if self._reading is not None:
            self._reading.cancel()

    # -- the page -----------------------------------------------------------------------------------

    def _renew(self) -> None:
        now = self._clock.now().wall
        shown = Shown(host=self._host, version=VERSION, now=now, seen=self._watch.seen, told=self._told)
        if self._changes.put(self._rendering.pieces(elements(shown))):
            for event in self._changed:
                event.set()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        """The files: what they tell is shown with the next look, and a disk that hangs holds up nothing else."""

        def read() -> OnDisk:
            folder, why = self._sources.folder()
            if folder is None:
                return OnDisk(faults=[why] if why else [])
            told = self._past.read(folder, self._clock.now().wall)
            return OnDisk(
                events=told.events, reports=told.reports, faults=[*([why] if why else []), *told.faults]
            )

        try:
            self._told = await self._pool.call(read, _READ)
        except (TimeoutError, NoThread) as fault:
            why = str(fault) or "their disk does not answer"
            self._told = OnDisk(faults=[f"The journals and outboxes of the monitors cannot be read: {why}."])
        except Exception as fault:
            LOG.exception("The files of the monitors could not be read, by a fault of this program")
            self._told = OnDisk(
                faults=[f"The files of the monitors cannot be read: a fault of this program ({fault!r})."]
            )

    async def _page(self, request: Request) -> Answer:
        await self._watch.look()
        if self._reading is None:  # the first page is not to be without the past
            self._reading = asyncio.get_running_loop().create_task(self._read())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.shield(self._reading)
        self._renew()
        pieces = self._changes.pieces.values()
        body = self._rendering.page(
            pieces,
            since=f"{self._boot}.{self._changes.number}",
            at=self._now(),
            host=self._host,
            version=VERSION,
            title=f"masakari-monitors: {self._host}",
            monitors=self._monitors,
        )
        return Answer(body=body, type="text/html; charset=utf-8", headers=HEADERS)

    async def _json(self, request: Request) -> Answer:
        told: list[JSON] = []
        for one in await self._watch.look():
            told.append(
                {
                    "monitor": one.name,
                    "life": one.life.value,
                    "since": one.since.isoformat(),
                    "why": one.why,
                    "shown": dict(one.runs) if one.runs is not None else None,
                }
            )
        body = json.dumps({"host": self._host, "version": VERSION, "at": self._now(), "monitors": told})
        return Answer(body=body.encode(), type="application/json; charset=utf-8", headers=PLAIN)

    def _static(self, path: str, kind: str) -> Handler:
        body = (HERE / "static" / path.strip("/")).read_bytes()

        async def answer(request: Request) -> Answer:
            return Answer(body=body, type=kind, headers={**PLAIN, "Cache-Control": "no-cache"})

        return answer

    def _now(self) -> str:
        return shown_time(self._clock.now().wall)

    # -- what has changed ---------------------------------------------------------------------------

    async def _events(self, request: Request) -> Answer:
        if self._watch.eyes >= EYES:
            return in_words(
                503, f"{EYES} pages are kept up to date at this moment, and no more are. Come again."
            )
        seen = request.headers.get("last-event-id") or request.query.get("since", "")
        boot, _, number = seen.partition(".")
        since = int(number) if boot == self._boot and number.isdecimal() and len(number) < 16 else -1
        headers = {**PLAIN, "X-Accel-Buffering": "no"}
        return Answer(type="text/event-stream", headers=headers, parts=self._stream(since))

    async def _stream(self, since: int) -> AsyncGenerator[bytes, None]:
        changed = asyncio.Event()
        self._changed.add(changed)
        self._watch.eyes += 1
        try:
            yield f"retry: {_RETRY}\n\n".encode()
            # Nobody may have looked for a while: what is said to be of this moment is.
            await self._watch.look()
            self._renew()
            self._watch.wake.set()
            fresh = True
            while True:
                told = self._changes.since(since)
                if told is None:
                    yield self._said("anew", {})
                    return
                if told.entries:
                    since = told.number
                    yield self._said("change", {"at": self._now(), "entries": told.entries}, since)  # type: ignore[dict-item]
                    continue
                if fresh:  # not before what has changed: or a page that slept would call old things present
                    yield self._said("beat", {"at": self._now()})
                    fresh = False
                if not await pause(self._clock, BEAT, changed):
                    yield self._said("beat", {"at": self._now()})
        finally:
            self._changed.discard(changed)
            self._watch.eyes -= 1

    def _said(self, event: str, data: dict[str, JSON], number: int | None = None) -> bytes:
        name = f"id: {self._boot}.{number}\n" if number is not None else ""
        return f"{name}event: {event}\ndata: {json.dumps(data)}\n\n".encode()

    # -- why, and why not ---------------------------------------------------------------------------

    async def _explain(self, request: Request) -> Answer:
        word = request.query.get("what", "").strip()
        if not word:
            return in_words(400, "Name what is to be explained: /explain?what=host:NAME.")
        if self._asked >= EXPLAINED:
            return in_words(
                503, f"{EXPLAINED} explanations are under way at this moment. Ask again in a moment."
            )
        self._asked += 1
        try:
            told = await self._explaining.call(lambda: self._sources.explain(word), 20.0)
        except TimeoutError:
            return in_words(
                504, "A monitor, or the disk of its files, does not answer. Ask again in a moment."
            )
        except NoThread as fault:
            return in_words(503, f"Nothing can be explained at present: {fault}")
        finally:
            self._asked -= 1
        body = self._rendering.explanation(
            word=word,
            host=self._host,
            version=VERSION,
            at=self._now(),
            first=told.first,
            parts=told.parts,
            choices=told.choices,
            remarks=told.remarks,
        )
        return Answer(
            status=200 if told.known else 404, body=body, type="text/html; charset=utf-8", headers=HEADERS
        )
