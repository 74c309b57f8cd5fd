"""The status on a unix socket beside the outbox: connect, read one JSON document, done.

For `masakari-monitors status` on the same host. It needs no port and no library, so every monitor
has it. The socket is the owner's alone.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from masakarimonitors.core.decision import JSON
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock

# A reader that does not read is let go after this many seconds.
_PATIENCE = 5.0


@contextlib.asynccontextmanager
async def serve(status: MonitorStatus, clock: Clock, path: Path) -> AsyncIterator[None]:
    """Answer on `path` while the block runs; raises OSError when the socket cannot be made."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                writer.write(json.dumps(status.snapshot(clock.now())).encode() + b"\n")
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def read(path: Path) -> dict[str, JSON]:
    """What the monitor behind `path` shows; raises OSError when none answers, ValueError when it makes no sense."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(str(path))
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    document: dict[str, JSON] = json.loads(b"".join(parts))
    return document
