"""Silences among the members of Corosync's group: each knows all of them, and tells those that come.

In: messages of the group, and silences that all must know. Out: `SilencesSeen` whenever one more is known, messages.
There is no store: each monitor keeps them on its own disk, and whoever comes tells what it has kept. Who has asked
waits until the message is delivered, which it is to all members or to none. A member whose message cannot be read is
told of until it says something that can be, or is gone.
"""

import asyncio
import datetime
from collections.abc import Callable, Collection, Mapping, Sequence

from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import (
    MOST_KNOWN,
    Silence,
    is_past,
    lacks,
    merged,
    read_all,
    write,
)
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.base import NotShared

_HEAD = b"silences "
_UNREADABLE = (
    "what the monitor of {name} tells Corosync's group of silences cannot be read: those that are known hold until "
    "their ends, and others hold nothing here. Let all hosts have one release, or start that monitor again"
)
_TOO_MANY = (
    f"Corosync's group knows of more than {MOST_KNOWN} silences: those that were heard of last hold nothing here. "
    "Each is forgotten an hour after its time"
)

Member = tuple[int, int]
"""The node's number, and the monitor's process on it."""


class GroupSilences:
    """What this member knows of them."""

    def __init__(self, send: Callable[[bytes], bool], name: Callable[[int], str] = str) -> None:
        """`send` tells the group; False while this monitor is in none. `name`: what a node of that number is called."""
        self._send = send
        self._name = name
        # By member what is wrong with what it told last: None where it cannot be read, else how many make no sense.
        self._wrong: dict[Member, int | None] = {}
        self._too_many = False
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

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what is wrong with what the members tell of silences."""
        found = []
        for (node, _), senseless in sorted(self._wrong.items()):
            name = self._name(node)
            if senseless is None:
                found.append(_UNREADABLE.format(name=name))
            else:
                found.append(
                    telling.left_out(senseless, f"of which the monitor of {name} tells Corosync's group")
                )
        return (*found, *((_TOO_MANY,) if self._too_many else ()))

    async def share(self, silences: Sequence[Silence]) -> None:
        """Have all members know these; raises NotShared."""
        if not self._send(_HEAD + write(silences)):
            raise NotShared("this monitor is not in the group of those that elect the reporter")
        delivered = asyncio.get_running_loop().create_future()
        self._waiting.append((silences, delivered))
        await delivered

    def hear(self, payload: bytes, sender: Member, now: datetime.datetime) -> None:
        """A message of that member was delivered, one of its own, too; any other than these says nothing here."""
        if not payload.startswith(_HEAD):
            return
        found = read_all(payload.removeprefix(_HEAD))
        told, senseless = ((), None) if found is None else found
        self._wrong.pop(sender, None)
        if senseless != 0:
            self._wrong[sender] = senseless
        news = lacks(self._known.values(), told)
        known = merged(self._known.values(), told)
        if len(known) > MOST_KNOWN:
            self._forget(now)
            known = merged(self._known.values(), [one for one in told if not is_past(one, now)])
        self._too_many = len(known) > MOST_KNOWN
        self._known = dict(list(known.items())[:MOST_KNOWN])
        for wanted, delivered in self._waiting:
            if not delivered.done() and not lacks(self._known.values(), wanted):
                delivered.set_result(None)
        self._waiting = [one for one in self._waiting if not one[1].done()]
        if news:
            self.tell_again()

    def for_newcomers(self, now: datetime.datetime) -> bytes | None:
        """What those must know who have just come; None if there is nothing."""
        self._forget(now)
        return _HEAD + write(self._known.values()) if self._known else None

    def members(self, there: Collection[Member]) -> None:
        """Who is in the group now; of whoever is gone nothing is wrong any more."""
        self._wrong = {member: wrong for member, wrong in self._wrong.items() if member in there}

    def _forget(self, now: datetime.datetime) -> None:
        self._known = {key: one for key, one in self._known.items() if not is_past(one, now)}

    def left(self) -> None:
        """This monitor has left the group: nothing that is under way is known to be delivered."""
        self._wrong.clear()
        waiting, self._waiting = self._waiting, []
        for _, delivered in waiting:
            if not delivered.done():
                delivered.set_exception(NotShared("the group was left"))
