"""Puts answers behind the events that they know of already, though they come over other connections.

In: the session over which the events of a URI are heard (from the source). Out: a place in line behind all
events of what has happened (for whoever has got an answer from libvirt and is about to tell it).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.session import Session

PASSES = 10.0
"""Seconds for one small question to libvirtd and one turn of this process's event loop of libvirt."""


class EventLine:
    """The events of one libvirt; of nobody's while none are heard."""

    def __init__(self, uri: str) -> None:
        """Nothing is heard yet."""
        self._uri = uri
        self._heard_over: Session | None = None

    @contextmanager
    def heard_over(self, session: Session) -> Iterator[None]:
        """For the length of the block the events come over `session`."""
        self._heard_over = session
        try:
            yield
        finally:
            self._heard_over = None

    async def let_pass(self) -> None:
        """Returns when every event of what happened before now has been handed over; raises Unavailable."""
        session = self._heard_over
        if session is None:
            raise Unavailable(f"the events of libvirt at {self._uri} are not heard at present")
        await session.let_events_pass(PASSES)
