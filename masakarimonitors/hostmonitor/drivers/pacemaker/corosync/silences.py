"""Silences among the members of Corosync's group: each knows all of them, and tells those that come.

In: messages of the group, and silences that all must know. Out: `SilencesSeen` whenever one more is known, messages.
There is no store: each monitor keeps them on its own disk, and whoever comes tells what it has kept. Who has asked
waits until the message is delivered, which it is to all members or to none.
"""

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence

from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import Silence, is_past, lacks, merged, read, write
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.base import NotShared

_HEAD = b"silences "


class GroupSilences:
    """What this member knows of them."""

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        """`send` tells the group; False while this monitor is in none."""
        self._send = send
        self._emit: Callable[[Observation], None] = lambda observation: None
        self._known: Mapping[str, Silence] = {}
        self._waiting: list[tuple[Sequence[Silence], asyncio.Future[None]]] = []

    def begin(self, emit: Callable[[Observation], None]) -> None:
        """Tell `emit` of them."""
        self._emit = emit
        self.tell_again()

    def tell_again(self) -> None:
        """All that are known, to the decision."""
        if not self._known:
            return
        self._emit(SilencesSeen(tuple(self._known.values())))

    async def share(self, silences: Sequence[Silence]) -> None:
        """Have all members know these; raises NotShared."""
        if not self._send(_HEAD + write(silences)):
            raise NotShared("this monitor is not in the group of those that elect the reporter")
        delivered = asyncio.get_running_loop().create_future()
        self._waiting.append((silences, delivered))
        await delivered

    def hear(self, payload: bytes) -> None:
        """A message was delivered, one of its own, too; any other than these says nothing here."""
        told = read(payload.removeprefix(_HEAD)) if payload.startswith(_HEAD) else None
        if told is None:
            return
        news = lacks(self._known.values(), told)
        self._known = merged(self._known.values(), told)
        for wanted, delivered in self._waiting:
            if not delivered.done() and not lacks(self._known.values(), wanted):
                delivered.set_result(None)
        self._waiting = [one for one in self._waiting if not one[1].done()]
        if news:
            self.tell_again()

    def for_newcomers(self, now: datetime.datetime) -> bytes | None:
        """What those must know who have just come; None if there is nothing."""
        self._known = {key: one for key, one in self._known.items() if not is_past(one, now)}
        return _HEAD + write(self._known.values()) if self._known else None

    def left(self) -> None:
        """This monitor has left the group: nothing that is under way is known to be delivered."""
        waiting, self._waiting = self._waiting, []
        for _, delivered in waiting:
            if not delivered.done():
                delivered.set_exception(NotShared("the group was left"))
