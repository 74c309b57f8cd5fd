"""Sessions that are kept between uses: for questions that come one by one, each with a session to itself.

A call that shares a connection with a hung one was seen to stall until that one came back. So whoever asks
gets a session that nobody else uses at that time: one that was given back, or a new one. What fails is thrown
away and never given to anybody again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from masakarimonitors.libvirt.session import LEFT_BEHIND, OPENS, OpenSession, Session, session


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    end: AsyncExitStack


class KeptSessions:
    """At most `most` sessions with one libvirt, of one thread each; the one given back last is lent first.

    As many may be left behind inside of calls that do not come back (a few, if `most` is fewer); then no further
    one is opened.
    """

    def __init__(
        self,
        uri: str,
        purpose: str,
        most: int,
        *,
        readonly: bool = True,
        timeout: float = OPENS,
        open_session: OpenSession = session,
    ) -> None:
        """Each is opened when it is needed, within `timeout` seconds."""
        self._uri = uri
        self._purpose = purpose
        self._readonly = readonly
        self._timeout = timeout
        self._open_session = open_session
        self._most = most
        self._places = asyncio.Semaphore(most)
        self._free: list[_Kept] = []
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Session]:
        """A session for the length of the block; waits while all are lent. Raises Unavailable."""
        async with self._places:
            kept = await self._take()
            try:
                yield kept.session
            finally:
                if kept.session.lost.is_set() or self._closed:
                    await kept.end.aclose()
                else:
                    self._free.append(kept)

    async def close(self) -> None:
        """Let go of all, without waiting for what hangs; those that are lent go when they are given back."""
        self._closed = True
        while self._free:
            await self._free.pop().end.aclose()

    async def _take(self) -> _Kept:
        while self._free:
            kept = self._free.pop()
            if not kept.session.lost.is_set():
                return kept
            await kept.end.aclose()
        end = AsyncExitStack()
        opened = await end.enter_async_context(
            self._open_session(
                self._uri,
                self._purpose,
                readonly=self._readonly,
                timeout=self._timeout,
                leaves=max(LEFT_BEHIND, self._most),
            )
        )
        return _Kept(opened, end)
