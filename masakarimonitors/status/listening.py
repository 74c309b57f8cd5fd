"""Where an option says that somebody is to be answered over HTTP: a port, or the path of a unix socket.

Imported only when it is asked for: h11 costs a process memory.
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

from masakarimonitors.system.network import accepting
from masakarimonitors.system.network.h11_server import H11Server, Handler
from masakarimonitors.system.network.http_connection import Limits
from masakarimonitors.system.network.socket_path import SocketPath
from masakarimonitors.system.threads import Pool

LIMITS = Limits()
"""Nobody sends a body here."""

# Seconds for the disk to answer on which a socket's path stands.
_PATIENCE = 5.0


@contextlib.asynccontextmanager
async def at(
    listen: str,
    routes: Mapping[str, Handler],
    *,
    names: Collection[str],
    option: str,
    limits: Limits,
) -> AsyncIterator[str]:
    """Answer at `listen` as `routes` say while the block runs; gives where. Raises OSError, TimeoutError."""
    server = H11Server(routes, limits=limits, names=[*names, _host(listen)], option=option)
    async with contextlib.AsyncExitStack() as stack:
        path = _path(listen)
        if path:
            place, pool = SocketPath(Path(path)), Pool("status page")
            stack.callback(pool.close)
            bound = [await pool.call(place.bind, _PATIENCE, too_late=lambda late: late.close())]
            stack.push_async_callback(_remove, place, pool)
            where = f"unix://{path}"
        else:
            host, _, port = listen.rpartition(":")
            bound = list(await accepting.listen(host.strip("[]"), int(port)))
            where = f"{accepting.url_of(bound[0])}/"
        await stack.enter_async_context(server.serve(bound))
        yield where


async def _remove(place: SocketPath, pool: Pool) -> None:
    with contextlib.suppress(OSError):
        await pool.call(place.remove, _PATIENCE)


def _path(listen: str) -> str:
    path = listen.removeprefix("unix://")
    return path if path.startswith("/") else ""


def _host(listen: str) -> str:
    """The name or address that was asked for; of a path nothing."""
    return "" if _path(listen) else listen.rpartition(":")[0]
