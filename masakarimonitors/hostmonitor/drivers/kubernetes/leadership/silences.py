"""Silences on the Lease: an annotation beside the ledger, read with it, written by whoever is asked.

In: what the Lease shows of them, and silences that must stand there. Out: `SilencesSeen` for each change, and what is
to be written, which is written on the condition that nobody has written meanwhile. Who has asked waits until it stands
there.
"""

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence

from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import Silence, is_past, lacks, merged
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.base import NotShared

_UNREADABLE = (
    "the silences on the Lease cannot be read: those that are known hold until their ends, and others hold nothing "
    "here. The next one that is added replaces them"
)
_STOPPED = "the election of the reporter does not run here at present"


class LeaseSilences:
    """What the Lease holds of silences, and what it is to hold."""

    def __init__(self, news: Callable[[], None]) -> None:
        """`news` is called when something is to be written."""
        self._news = news
        self._emit: Callable[[Observation], None] | None = None
        self._shown: Sequence[Silence] | None = None
        self._unreadable = False
        self._senseless = 0
        self._any = False  # whether there was ever anything to tell
        self._wanted: Mapping[str, Silence] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self, emit: Callable[[Observation], None]) -> None:
        """Tell `emit` of them, all of them at first."""
        self._emit = emit
        self.tell_again()

    def stop(self) -> None:
        """Nothing is written any more."""
        self._emit = None
        self.failed(_STOPPED)

    def tell_again(self) -> None:
        """The next reading is told though nothing may have changed."""
        self._shown = None

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what is wrong with what stands there."""
        if self._unreadable:
            return (_UNREADABLE,)
        return (telling.left_out(self._senseless, "on the Lease"),) if self._senseless else ()

    async def share(self, silences: Sequence[Silence]) -> None:
        """Have these stand there, beside what does; raises NotShared."""
        if self._emit is None:
            raise NotShared(_STOPPED)
        self._wanted = merged(self._wanted.values(), silences)
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        self._news()
        await written

    def take(self, silences: Sequence[Silence] | None, senseless: int = 0) -> None:
        """The Lease shows this; None: what cannot be read. `senseless`: so many more that make no sense."""
        self._unreadable, self._senseless = silences is None, senseless
        if silences is None:
            return
        if not lacks(silences, self._wanted.values()):
            self._settle(None)
        self._any = self._any or bool(silences)
        if self._emit is not None and silences != self._shown and self._any:
            self._shown = silences
            self._emit(SilencesSeen(silences))

    def due(self, there: Sequence[Silence] | None, now: datetime.datetime) -> Sequence[Silence] | None:
        """All that is to be written beside what is `there`; None if nothing is."""
        # What nobody keeps any more would be lacking for ever.
        wanted = [one for one in self._wanted.values() if not is_past(one, now)]
        if not wanted or (there is not None and not lacks(there, wanted)):
            return None
        return [one for one in merged(there or (), wanted).values() if not is_past(one, now)]

    def failed(self, why: str) -> None:
        """What was wanted could not be written, and is wanted no longer: whoever asked may ask again."""
        self._settle(NotShared(why))

    def _settle(self, fault: NotShared | None) -> None:
        self._wanted = {}
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if one.done():
                continue
            if fault is None:
                one.set_result(None)
            else:
                one.set_exception(fault)
