"""The life of one connection to an HTTP server of ours, and how many there may be.

In: what the socket brings, and what the server says of the request on it. Out: the same for aiohttp's protocol, or the
end of the connection: when a stage lasts too long, or another connection needs the room.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum

_HEAD = 512 * 1024
"""Bytes of a request beside its body: far more than a head needs, and what one read from the socket brings besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server takes: at most so many `connections` at a time, and bodies of `body` bytes.

    Seconds: a request must be here whole `request` after its first byte; a connection may be without one for `idle`,
    in which the answer before must have been read. Who has come, or has begun to ask, has `grace` to go on with that;
    for so long he makes room only where nobody rests or is too slow.
    """

    connections: int = 32
    body: int = 1024
    request: float = 10.0
    idle: float = 15.0
    grace: float = 1.0


class Stage(Enum):
    """The life of a connection."""

    OPEN = "nothing is asked, and what was answered last is perhaps still being read"
    READING = "a part of a request is here"
    ANSWERING = "a whole request is here and is being answered"
    CLOSED = "it is over"


class Seen(Enum):
    """What happens to it."""

    BYTES = "something has come"
    ASKED = "a whole request is here"
    ANSWERED = "its answer is made"
    LOST = "the other end is gone, or was hung up on"


MOVES = {
    (Stage.OPEN, Seen.BYTES): Stage.READING,
    (Stage.OPEN, Seen.ASKED): Stage.ANSWERING,  # it had come together with the one before
    (Stage.OPEN, Seen.LOST): Stage.CLOSED,
    (Stage.READING, Seen.BYTES): Stage.READING,
    (Stage.READING, Seen.ASKED): Stage.ANSWERING,
    (Stage.READING, Seen.ANSWERED): Stage.OPEN,  # refused before it was here whole
    (Stage.READING, Seen.LOST): Stage.CLOSED,
    (Stage.ANSWERING, Seen.BYTES): Stage.ANSWERING,
    (Stage.ANSWERING, Seen.ANSWERED): Stage.OPEN,
    (Stage.ANSWERING, Seen.LOST): Stage.CLOSED,
}
"""What is not listed changes nothing."""


class Priority(Enum):
    """What a connection has to say for itself when another needs its room, the least first."""

    UNREAD = 0
    """It was answered, and has long not taken a byte of what is left of that."""
    SILENT = 1
    """It has never asked, and had its time to."""
    RESTING = 2
    """It was answered, has read that, and asks nothing."""
    SLOW = 3
    """Its request has begun, and has not come whole in its time."""
    ASKING = 4
    """It has just come, or a part of its request is here, and it has time left for that: most often it needs little."""
    TAKING = 5
    """It was answered, and takes what is left of that, or has just done so."""
    KEPT = 6
    """It is being answered: never hung up on for another."""


class Connections:
    """Those of one server: no more than it allows."""

    def __init__(self, limits: Limits) -> None:
        """None so far."""
        self.limits = limits
        self._by_transport: dict[asyncio.BaseTransport, Connection] = {}

    def of(self, transport: asyncio.BaseTransport | None) -> "Connection | None":
        """The connection that is on this transport, unless it is over."""
        return self._by_transport.get(transport) if transport is not None else None

    def admit(self, connection: "Connection", transport: asyncio.Transport) -> bool:
        """Whether there is room: one that is not being answered makes it.

        First goes who asks and does not read what he is answered, then who has come to ask nothing, who rests after an
        answer, who does not come to the end of his request, who has just come or begun to ask, and last who reads; of
        several the one that has done so for longest. Or a few strangers who say one byte, or never read, and come
        again, would keep out whoever asks whether this monitor lives; and were those who say nothing first, a newcomer
        would go for the next before a word of his could be read. The newcomer is refused only where all are being
        answered.
        """
        for one in self._by_transport.values():
            one.look()
        if len(self._by_transport) >= self.limits.connections:
            given = [
                (priority, one)
                for one in self._by_transport.values()
                if (priority := one.priority) is not Priority.KEPT
            ]
            if not given:
                return False
            _, weakest = min(given, key=lambda held: (held[0].value, held[1].waits_since))
            weakest.hang_up()
        self._by_transport[transport] = connection
        return True

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """It is over."""
        self._by_transport.pop(transport, None)


class Connection(asyncio.Protocol):
    """Stands between the socket and aiohttp's protocol, and hangs up when a stage lasts too long."""

    def __init__(self, siblings: "Connections", inner: asyncio.Protocol) -> None:
        """Nothing has come yet; `inner` is told what the socket does, and does the rest with it."""
        self._all = siblings
        self._inner: asyncio.Protocol | None = inner
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._heard = 0
        self.stage = Stage.OPEN
        self.since = asyncio.get_running_loop().time()
        """The second of the loop's clock since which it is at its stage."""
        self.answers = 0
        self._unread = 0
        self._taken_at = self.since

    @property
    def priority(self) -> Priority:
        """By what it does, and for how long it has."""
        now, grace = asyncio.get_running_loop().time(), self._all.limits.grace
        fresh = now - self.since < grace
        match self.stage:
            case Stage.OPEN | Stage.READING if self._unread:
                return Priority.TAKING if now - self._taken_at < grace else Priority.UNREAD
            case Stage.OPEN if self.answers:
                return Priority.RESTING
            case Stage.OPEN:
                return Priority.ASKING if fresh else Priority.SILENT
            case Stage.READING:
                return Priority.ASKING if fresh else Priority.SLOW
        return Priority.KEPT

    @property
    def waits_since(self) -> float:
        """Since which second of the loop's clock it has done nothing, or what it does."""
        return self._taken_at if self._unread else self.since

    def look(self) -> None:
        """Note how much of an answer the other end has not taken yet, and when it last took some of it."""
        left = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if left != self._unread:
            self._unread, self._taken_at = left, asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is room for it, or it is told that there is none."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._all.admit(self, transport):
            self._inner = None
            self._last_words(
                503, "Service Unavailable", "Too many connections are being answered; try again."
            )
            return
        self._wait(self._all.limits.idle)
        if self._inner is not None:
            self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Count it and hand it on."""
        if self._inner is None or self.stage is Stage.CLOSED:
            return
        self.see(Seen.BYTES)
        self._heard += len(data)
        if self._heard > self._all.limits.body + _HEAD:
            self.hang_up()
            return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The other end has nothing more to say."""
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        """The other end reads slowly."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It has read."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.see(Seen.LOST)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def see(self, seen: Seen) -> None:
        """Move, and wait as long as the stage may last."""
        before, self.stage = self.stage, MOVES.get((self.stage, seen), self.stage)
        if seen is Seen.ANSWERED:
            self.answers += 1
            self._heard = 0
            # It is written right after this.
            asyncio.get_running_loop().call_soon(self.look)
        if self.stage is before:
            return
        self.since = asyncio.get_running_loop().time()
        limits = self._all.limits
        match self.stage:
            case Stage.OPEN:
                self._wait(limits.idle)
            case Stage.READING:
                self._wait(limits.request)
            case Stage.ANSWERING:  # how long that takes is up to us
                self._wait(None)
            case Stage.CLOSED:
                self._wait(None)
                if self._transport is not None:
                    self._all.forget(self._transport)

    def hang_up(self) -> None:
        """End it now, with whatever was not yet sent."""
        self.see(Seen.LOST)
        if self._transport is not None:
            self._transport.abort()

    def _wait(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = None if seconds is None else loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        assert self._transport is not None
        if self.stage is Stage.READING and not self._transport.get_write_buffer_size():
            self.see(Seen.LOST)
            seconds = self._all.limits.request
            self._last_words(408, "Request Timeout", f"The request was not here whole within {seconds:g} s.")
        else:
            self.hang_up()

    def _last_words(self, status: int, reason: str, why: str) -> None:
        assert self._transport is not None
        body = f"{why}\n"
        self._transport.write(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        self._transport.close()
