"""The receiver's HTTP face: the notification half of masakari-api v1, and one page for people.

Requests come in on loopback, are checked by `schema`, settled by `store` on a thread of its own, and
answered with masakari-api's status codes and error bodies. Each acceptance is told to the
subscribers. Nothing is recovered, and the log says so.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from masakarimonitors.receiver import page, views
from masakarimonitors.receiver.schema import Invalid, Report, parse
from masakarimonitors.receiver.store import (
    SEGMENT,
    Accepted,
    Duplicate,
    HostUnknown,
    OnMaintenance,
    Query,
    Store,
)
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.network import accepting
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.network.http_server import HttpServer
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

T = TypeVar("T")
Request = web.Request
Response = web.StreamResponse

_EVERY = 1_000_000
"""So many notifications are as good as all."""
_LIMITS = Limits(body=114_688, connections=64, idle=60.0)
"""Bodies as oslo.middleware's `max_request_body_size` has it, which masakari-api runs with.

Each monitor holds a few connections, and asks again within a minute as long as something is under way.
"""
_PATIENCE = 15.0
"""Seconds for the disk to answer: more than sqlite waits for whoever else holds the file."""
_SHOWN = 50
"""Notifications on the page for people."""
_PREFIXES = ("", "/v1", "/v1/{project:[0-9a-f-]+}")
"""An endpoint in a catalogue may carry the version and the project, or not."""
_JSON_TYPES = ("application/json", "application/vnd.openstack.masakari+json", "text/plain")


class Lost(Enum):
    """What a fault may ask for besides a status."""

    ANSWER = "the report is settled as usual, but the connection ends before the answer"


Fault = Callable[[Report], int | Lost | None]
"""Asked before each valid report is settled: an HTTP status to answer instead, or None for no fault."""


class Receiver:
    """Takes notifications at `POST /notifications` and keeps them in `database` (":memory:": while it runs).

    `known_hosts`: the only host names accepted, as if registered in a segment; None accepts every name.
    `window`: seconds within which an equal report is a duplicate. `delay`: seconds before each report
    is settled (masakari-api itself takes 0 to 5). `fault`: for tests of what stands in front of it.
    `finishes`: each notification is shown as finished as soon as it was taken, so that no sender waits for an engine
    that is not there; otherwise as new, as by a masakari-api without its engine. `names`: what this host is called by
    those who ask, besides localhost and the host that it listens at.
    """

    def __init__(
        self,
        database: Path | str,
        clock: Clock,
        *,
        known_hosts: Collection[str] | None = None,
        window: float = 180.0,
        delay: float = 0.0,
        fault: Fault | None = None,
        finishes: bool = False,
        names: Collection[str] = (),
    ) -> None:
        """Nothing is opened before `serve`."""
        self._status = "finished" if finishes else "new"
        # What an engine, played by somebody, has said of single ones since, and when.
        self._said: dict[str, tuple[str, datetime.datetime]] = {}
        self._names = names
        self._clock = clock
        self._delay = delay
        self._fault = fault
        self._known_hosts = known_hosts
        self._open = functools.partial(Store, database, known_hosts=known_hosts, window=window)
        self._listeners: list[Callable[[Accepted], None]] = []
        self._pool: Pool | None = None
        self._store: Store | None = None

    @contextlib.asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Listen while the block runs; gives the base URL, which is the endpoint and, in a browser, the page.

        Port 0 takes a free one. Raises OSError when the address cannot be had, TimeoutError among them when the disk
        does not answer, sqlite3.Error when the database cannot be used.
        """
        async with contextlib.AsyncExitStack() as stack:
            self._pool = Pool("receiver's store")
            stack.push_async_callback(self._close)
            self._store = await self._pool.call(self._open, _PATIENCE, too_late=lambda late: late.close())
            await self._on_disk(self._store.register, sorted(self._known_hosts or ()), self._clock.now().wall)
            listening = await accepting.listen(host, port)
            url = accepting.url_of(listening[0])
            server = HttpServer(
                limits=_LIMITS, names=[*self._names, host], option="[receiver] names", refuse=views.fault
            )
            await stack.enter_async_context(server.serve(self._app(server), listening, patience=1.0))
            LOG.warning("embedded receiver at %s: reports are kept and shown, NOTHING IS RECOVERED", url)
            yield url

    async def _close(self) -> None:
        """Let go of the file; a disk that does not answer holds up nobody."""
        assert self._pool is not None
        with contextlib.suppress(OSError, sqlite3.Error):
            if self._store is not None:
                await self._pool.call(self._store.close, _PATIENCE, always=True)
        self._pool.close()

    @contextlib.contextmanager
    def subscribed(self, listener: Callable[[Accepted], None]) -> Iterator[None]:
        """Tell `listener`, on the loop, each notification accepted in the block; it must not raise."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def wait_for(self, predicate: Callable[[Accepted], bool]) -> Accepted:
        """The first accepted notification, past or to come, that `predicate` wants; waits without end."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Accepted] = loop.create_future()

        def look(accepted: Accepted) -> None:
            if not found.done() and predicate(accepted):
                found.set_result(accepted)

        with self.subscribed(look):
            for accepted in reversed(await self.notifications()):
                look(accepted)
            return await found

    async def notifications(self, query: Query | None = None) -> Sequence[Accepted]:
        """What was accepted, newest first; everything (up to a million) without a query."""
        return await self._on_disk(self._stored.notifications, query or Query(limit=_EVERY))

    async def set_maintenance(self, hostname: str, on: bool) -> None:
        """Flag a host, known or not: while on maintenance, all that it reports is refused with 409."""
        await self._on_disk(self._stored.register, [hostname], self._clock.now().wall)
        hosts = await self._on_disk(self._stored.hosts)
        identity = next(host.uuid for host in hosts if host.name == hostname)
        await self._on_disk(self._stored.set_maintenance, identity, on)

    def set_status(self, uuid: str, status: str) -> None:
        """From now on that notification is shown so ("running", "error", "failed"), as if an engine had said it."""
        self._said[uuid] = (status, self._clock.now().wall)

    @property
    def _stored(self) -> Store:
        if self._store is None:
            raise RuntimeError("the receiver holds nothing before serve() was entered")
        return self._store

    async def _on_disk(self, call: Callable[..., T], *arguments: Any) -> T:
        assert self._pool is not None
        return await self._pool.call(lambda: call(*arguments), _PATIENCE)

    def _app(self, server: HttpServer) -> web.Application:
        middlewares = [server.guard, _faults_as_json, _versions]
        app = web.Application(client_max_size=_LIMITS.body, middlewares=middlewares)
        app.router.add_get("/healthcheck", _healthcheck)
        app.router.add_get("/", self._front)
        app.router.add_get("/v1{slash:/?}", _version)
        for prefix in _PREFIXES:
            app.router.add_post(f"{prefix}/notifications", self._create)
            app.router.add_get(f"{prefix}/notifications", self._list)
            app.router.add_get(f"{prefix}/notifications/{{id}}", self._show)
            app.router.add_get(f"{prefix}/segments", self._segments)
            app.router.add_get(f"{prefix}/segments/{{segment}}", self._segment)
            app.router.add_get(f"{prefix}/segments/{{segment}}/hosts", self._hosts)
            app.router.add_get(f"{prefix}/segments/{{segment}}/hosts/{{id}}", self._host)
        return app

    async def _create(self, request: Request) -> Response:
        if "Content-Type" in request.headers and request.content_type not in _JSON_TYPES:
            return views.fault(415, "Unsupported Content-Type")
        body = await request.read()
        try:
            report = parse(json.loads(body) if body else None)
        except Invalid as error:
            return views.fault(400, str(error))
        except (ValueError, RecursionError):
            return views.fault(400, "Malformed request body")
        if self._delay > 0:
            await self._clock.sleep(self._delay)
        fault = self._fault(report) if self._fault is not None else None
        if isinstance(fault, int):
            return views.fault(fault, "this answer was asked for by a test")
        answer = await self._settle(report)
        if fault is Lost.ANSWER and request.transport is not None:
            request.transport.abort()
        return answer

    async def _settle(self, report: Report) -> Response:
        try:
            accepted = await self._on_disk(self._stored.accept, report, self._clock.now().wall)
        except TimeoutError:
            # Not 503, which says that nothing was taken: the thread may write it down all the same.
            return views.fault(
                504,
                "The disk under the receiver's database does not answer; the notification may have been kept.",
            )
        except HostUnknown:
            return views.fault(400, f"Host with name {report.hostname} could not be found.")
        except OnMaintenance:
            # These two sentences are the only thing by which a client can tell the two 409s apart.
            return views.fault(
                409,
                f"Notification received from host {report.hostname} of type '{report.type}' is ignored as the"
                " host is already under maintenance.",
            )
        except Duplicate:
            return views.fault(
                409, f"Notification received from host {report.hostname} of type {report.type} is duplicate."
            )
        LOG.info("accepted %s of %s: %s", report.type, report.hostname, dict(report.payload))
        for listener in tuple(self._listeners):
            listener(accepted)
        return views.json_response({"notification": views.notification(accepted)}, 202)

    async def _list(self, request: Request) -> Response:
        try:
            rows = await self._matching(views.wanted(request.query), request.query.get("status"))
        except Invalid as error:
            return views.fault(400, str(error))
        return views.json_response({"notifications": [self._shown(row) for row in rows]})

    def _shown(self, row: Accepted) -> dict[str, Any]:
        status, updated = self._said.get(row.uuid, (self._status, None))
        return views.notification(row, status, updated)

    async def _matching(self, query: Query, status: str | None) -> Sequence[Accepted]:
        if status is not None and self._said:
            every = await self._matching(dataclasses.replace(query, limit=_EVERY), None)
            return [row for row in every if self._shown(row)["status"] == status][: query.limit]
        if status not in (None, self._status):
            return []
        if query.before is not None and not await self._on_disk(self._stored.holds, query.before):
            raise views.no_marker(str(query.before))
        return await self._on_disk(self._stored.notifications, query)

    async def _show(self, request: Request) -> Response:
        identity = request.match_info["id"]
        row = await self._on_disk(self._stored.notification, views.plain(identity))
        if row is None:
            return views.fault(404, f"No notification with id {identity}.")
        return views.json_response({"notification": self._shown(row)})

    async def _segments(self, request: Request) -> Response:
        return _page("segments", [views.SEGMENT_VIEW], request)

    async def _segment(self, request: Request) -> Response:
        return _within(request, views.json_response({"segment": views.SEGMENT_VIEW}))

    async def _hosts(self, request: Request) -> Response:
        hosts = await self._on_disk(self._stored.hosts)
        return _within(request, _page("hosts", [views.host(one) for one in reversed(hosts)], request))

    async def _host(self, request: Request) -> Response:
        hosts = await self._on_disk(self._stored.hosts)
        found = next((one for one in hosts if one.uuid == request.match_info["id"]), None)
        if found is None:
            return _within(request, views.fault(404, f"No host with id {request.match_info['id']}."))
        return _within(request, views.json_response({"host": views.host(found)}))

    async def _front(self, request: Request) -> Response:
        if "text/html" not in request.headers.get("Accept", ""):
            return views.json_response({"versions": [views.version(_origin(request))]})
        rows = await self._on_disk(self._stored.notifications, Query(limit=_SHOWN))
        text = page.render(rows, self._clock.now().wall).encode("utf-8", "backslashreplace")
        return web.Response(body=text, content_type="text/html", charset="utf-8", headers=page.HEADERS)


async def _healthcheck(request: Request) -> Response:
    return web.Response(text="OK")


async def _version(request: Request) -> Response:
    return views.json_response({"version": views.version(_origin(request))})


def _origin(request: Request) -> str:
    """Where this is asked. Not by `request.url`: aiohttp 3.9 with a newer yarl makes none where a port is named."""
    return f"{request.scheme}://{request.host}"


def _within(request: Request, answer: Response) -> Response:
    """The answer, unless it is asked of a segment that is not the one. (aiohttp 3.9 takes any Response for false.)"""
    asked = request.match_info["segment"]
    return answer if asked == SEGMENT else views.fault(404, f"No failover segment with id {asked}.")


def _page(name: str, items: Sequence[dict[str, Any]], request: Request) -> Response:
    try:
        return views.json_response({name: views.page(items, request.query)})
    except Invalid as error:
        return views.fault(400, str(error))


@web.middleware
async def _versions(request: Request, handler: Callable[[Request], Any]) -> Any:
    """Answer in the microversion that is asked for, or refuse it, as the API does."""
    version, refusal = views.version_asked(request.headers)
    if refusal is not None:
        return refusal
    answer = await handler(request)
    answer.headers[views.VERSION_HEADER] = f"instance-ha {version}"
    return answer


@web.middleware
async def _faults_as_json(request: Request, handler: Callable[[Request], Any]) -> Any:
    """What aiohttp itself refuses (404, 405, 413), in the words of the API."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return views.fault(error.status, error.reason)
    except TimeoutError:
        return views.fault(503, "The disk under the receiver's database does not answer.")
