"""Sockets that listen over TCP, and connections taken from them one at a time.

In: a name and a port, and what makes the protocol of each connection. Out: sockets; connections, until the block ends.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

LOG = logging.getLogger(__name__)

_BACKLOG = 64
"""Connections that wait in the kernel; none of them is a descriptor of ours."""

_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""A name may have addresses of a kind that this host has not."""

_ANSWER = 256 * 1024
"""Bytes of an answer that the kernel keeps for who has not read it yet: most answers are less, and whoever was given
all of his can be hung up on without losing it."""

_RETRY = 1.0
"""Seconds until the next try to take a connection for which there was no descriptor."""


@contextlib.asynccontextmanager
async def accepting(
    listening: Sequence[socket.socket], make: Callable[[], asyncio.BaseProtocol]
) -> AsyncIterator[None]:
    """While the block runs, whoever connects gets a protocol that `make` makes."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(_accept(one, make)) for one in listening]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _accept(listening: socket.socket, make: Callable[[], asyncio.BaseProtocol]) -> None:
    """One after another: asyncio's own servers take a hundred at a time, and log each one that they cannot."""
    loop = asyncio.get_running_loop()
    told = False
    while True:
        try:
            caller, _ = await loop.sock_accept(listening)
        except ConnectionError:
            continue
        except OSError as fault:
            if not told:
                LOG.warning(
                    "No connection can be taken at %s (%s): it is tried again each second",
                    listening.getsockname(),
                    fault,
                )
            told = True
            await asyncio.sleep(_RETRY)
            continue
        told = False
        with contextlib.suppress(OSError):
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ANSWER)
        try:
            await loop.connect_accepted_socket(make, caller)
        except Exception:  # whatever one connection is in for, the next is taken
            LOG.exception("A connection could not be served")
            caller.close()


async def listen(host: str, port: int) -> Sequence[socket.socket]:
    """Sockets that listen at each address of `host`; port 0 takes a free one. Raises OSError, OverflowError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    fault: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            bound.append(_bound(family, kind, protocol, address))
        except OSError as error:
            fault = error
            if error.errno not in _NOT_HERE:
                break
    if fault is not None and (not bound or fault.errno not in _NOT_HERE):
        for one in bound:
            one.close()
        raise fault
    return bound


def _bound(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    one = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(_BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def url_of(listening: socket.socket) -> str:
    """Where it is asked, as a browser wants it, without a slash at the end."""
    name, port, *_ = listening.getsockname()
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
