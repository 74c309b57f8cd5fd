"""The status over HTTP, where `[status] listen` says: page, status.json, metrics, healthz.

Imported only when it is asked for: aiohttp and prometheus_client cost a monitor memory.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiohttp import web

from masakarimonitors.status import html, metrics
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def serve(statuses: Sequence[MonitorStatus], clock: Clock, listen: str) -> AsyncIterator[str]:
    """Listen while the block runs, on `host:port`, `[address]:port` or a socket's path; gives where.

    Raises OSError when the address cannot be had.
    """

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=html.render(statuses, clock), content_type="text/html", headers=html.HEADERS)

    async def as_json(request: web.Request) -> web.Response:
        return web.json_response([status.snapshot(clock.now()) for status in statuses])

    async def as_metrics(request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.render(statuses, clock), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    async def health(request: web.Request) -> web.Response:
        blind = [
            f"{status.record.monitor}/{source.name}: {source.seen}"
            for status in statuses
            for source in status.record.sources.values()
            if source.state != "running"
        ]
        return web.Response(text="\n".join(blind or ["OK"]) + "\n", status=503 if blind else 200)

    app = web.Application()
    app.router.add_get("/", show)
    app.router.add_get("/status.json", as_json)
    app.router.add_get("/metrics", as_metrics)
    app.router.add_get("/healthz", health)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        path = listen.removeprefix("unix://")
        if path.startswith("/"):
            Path(path).unlink(missing_ok=True)
            site: web.BaseSite = web.UnixSite(runner, path)
            await site.start()
            where = f"unix://{path}"
        else:
            host, _, port = listen.rpartition(":")
            site = web.TCPSite(runner, host.strip("[]"), int(port))
            await site.start()
            name, number, *_ = runner.addresses[0]
            where = f"http://[{name}]:{number}/" if ":" in name else f"http://{name}:{number}/"
        LOG.info("status at %s", where)
        yield where
    finally:
        await runner.cleanup()
