"""The status over HTTP, where `[status] listen` says: page, status.json, metrics, and three probes.

Imported only when it is asked for: aiohttp and prometheus_client cost a monitor memory.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from aiohttp import web

from masakarimonitors.status import html, metrics
from masakarimonitors.status.health import Cause, Health, Level
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.network import accepting, http_server
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.network.http_server import HttpServer, plainly
from masakarimonitors.system.network.socket_path import SocketPath
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

LIMITS = Limits()
"""Nobody sends a body here."""

_TEXT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

# Seconds for the disk to answer on which a socket's path stands.
_PATIENCE = 5.0


@contextlib.asynccontextmanager
async def serve(
    statuses: Sequence[MonitorStatus],
    clock: Clock,
    listen: str,
    *,
    names: Collection[str] = (),
    limits: Limits = LIMITS,
) -> AsyncIterator[str]:
    """Listen while the block runs, on `host:port`, `[address]:port` or a socket's path; gives where.

    `names`: what this host is called by those who look, besides localhost and the host of `listen`. Raises OSError when
    the address cannot be had.
    """

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=html.render(statuses, clock), content_type="text/html", headers=html.HEADERS)

    async def as_json(request: web.Request) -> web.Response:
        return web.json_response([status.snapshot(clock.now()) for status in statuses], headers=_TEXT)

    async def as_metrics(request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.render(statuses, clock),
            headers={**_TEXT, "Content-Type": "text/plain; version=0.0.4"},
        )

    async def alive(request: web.Request) -> web.Response:
        # That it answers is the answer: the loop turns. Nothing else is looked at, or a monitor that is blind, or of
        # which a row cannot be shown, would be killed for it.
        return web.Response(text="OK\n", content_type="text/plain", headers=_TEXT)

    def probe(choose: Callable[[Health], Sequence[Cause]]) -> http_server.Handler:
        async def answer(request: web.Request) -> web.Response:
            now = clock.now()
            lines = []
            for status in statuses:
                name = status.record.monitor
                try:
                    lines += [cause.line(name) for cause in choose(status.health(now))]
                except Exception as fault:  # how it is is not known, which is never taken for well
                    LOG.exception("How %s is could not be told", name)
                    lines.append(
                        f"{Level.BLIND.value}: {name}: how it is cannot be told, by a fault of this program "
                        f"({type(fault).__name__}: {fault}). Report it with the log.".replace("\n", " ")
                    )
            # What was seen may hold half a character, which no answer can carry.
            body = ("\n".join(lines or ["OK"]) + "\n").encode("utf-8", "backslashreplace")
            text = {**_TEXT, "Content-Type": "text/plain; charset=utf-8"}
            return web.Response(body=body, status=503 if lines else 200, headers=text)

        return answer

    server = HttpServer(limits=limits, names=[*names, _host(listen)], option="[status] names")
    app = web.Application(client_max_size=limits.body, middlewares=[server.guard, _in_words])
    app.router.add_get("/", show)
    app.router.add_get("/status.json", as_json)
    app.router.add_get("/metrics", as_metrics)
    app.router.add_get("/livez", alive)
    app.router.add_get("/readyz", probe(lambda judged: judged.unready))
    app.router.add_get("/healthz", probe(lambda judged: judged.causes))
    async with contextlib.AsyncExitStack() as stack:
        path = _path(listen)
        if path:
            place, pool = SocketPath(Path(path)), Pool("status page")
            stack.callback(pool.close)
            listening = [await pool.call(place.bind, _PATIENCE, too_late=lambda late: late.close())]
            stack.push_async_callback(_remove, place, pool)
            where = f"unix://{path}"
        else:
            host, _, port = listen.rpartition(":")
            listening = list(await accepting.listen(host.strip("[]"), int(port)))
            where = f"{accepting.url_of(listening[0])}/"
        await stack.enter_async_context(server.serve(app, listening, patience=0.5))
        LOG.info("status at %s", where)
        yield where


@web.middleware
async def _in_words(request: web.Request, handler: http_server.Handler) -> web.StreamResponse:
    """What aiohttp itself refuses, with what there is instead."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return plainly(
            404, "There is nothing here but /, /status.json, /metrics, /livez, /readyz and /healthz."
        )
    except web.HTTPMethodNotAllowed:
        return plainly(405, "This is for looking only: ask by GET or HEAD.")


async def _remove(place: SocketPath, pool: Pool) -> None:
    with contextlib.suppress(OSError):
        await pool.call(place.remove, _PATIENCE)


def _path(listen: str) -> str:
    path = listen.removeprefix("unix://")
    return path if path.startswith("/") else ""


def _host(listen: str) -> str:
    """The name or address that was asked for; of a path nothing."""
    return "" if _path(listen) else listen.rpartition(":")[0]
