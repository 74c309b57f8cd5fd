"""The way to masakari, which a storm makes bad and good again.

In: where the receiver is. Out: where the way begins, and `Way.fault` for the receiver to ask.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from enum import Enum
from urllib.parse import urlsplit

from masakarimonitors.receiver.app import Lost
from masakarimonitors.receiver.schema import Report


class Api(Enum):
    """How masakari answers."""

    WELL = "well"
    ERROR = "503 for a report"
    PROXY = "404 for a report"
    LOST = "a report is taken, and the connection ends before the answer"
    REFUSES = "connections end at once"
    HANGS = "what is asked is heard, and the answer stays away"


_FAULTS: Mapping[Api, int | Lost] = {Api.ERROR: 503, Api.PROXY: 404, Api.LOST: Lost.ANSWER}


class Way:
    """`api` is how masakari answers from now on; `url` is where the monitor finds it."""

    def __init__(self) -> None:
        """It answers well."""
        self.api = Api.WELL
        self.url = ""
        self._serving: set[asyncio.Task[None]] = set()

    def fault(self, _report: Report) -> int | Lost | None:
        """What the receiver is to answer a report with instead."""
        return _FAULTS.get(self.api)

    @contextlib.asynccontextmanager
    async def leading_to(self, url: str) -> AsyncIterator["Way"]:
        """As long as the `async with` lasts."""
        place = urlsplit(url)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._serving.add(task)
            # Cancelled, it has ended: asyncio.streams of Python 3.11 would complain of it otherwise.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                if self.api is not Api.REFUSES:
                    far = await asyncio.open_connection(place.hostname, place.port)
                    await self._pass_on((reader, writer), far)
            self._serving.discard(task)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{place.path}"
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _pass_on(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Both ways, until either side has ended."""
        loop = asyncio.get_running_loop()
        ways = {
            loop.create_task(self._copy(near[0], far[1], answers=False)),
            loop.create_task(self._copy(far[0], near[1], answers=True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far[1].close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while part := await reader.read(65536):
            while answers and self.api is Api.HANGS:  # noqa: ASYNC110 - the storm changes it without a word
                await asyncio.sleep(0.05)
            if self.api is Api.REFUSES:
                return
            writer.write(part)
            await writer.drain()
