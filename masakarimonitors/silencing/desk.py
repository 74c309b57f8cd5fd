"""Where a person's wish becomes a silence: checked, shared with the other monitors if they must know it, and told.

A source of the monitor. In: wishes from its socket, and what the shared store shows. Out: `SilencesSeen` for the
decision, an answer for whoever has asked, and in the store what it lacks. A silence that cannot be shared is none: held
by this monitor alone it would hold nothing, for another one reports. The end of one counts here at once, and is shared
as soon as that can be done.
"""

import asyncio
import contextlib
import datetime
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from masakarimonitors.core.printable import printable
from masakarimonitors.core.silences import telling
from masakarimonitors.core.silences.book import LONGEST, SilencesSeen
from masakarimonitors.core.silences.silence import (
    LARGEST,
    MOST,
    MOST_KNOWN,
    Silence,
    fault_of,
    is_far,
    is_past,
    lacks,
    merged,
    write,
)
from masakarimonitors.core.silences.wish import Add, Answer, End, Wish
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)

PATIENCE = 4.0
"""Seconds for which the shared store is waited for while somebody waits for an answer."""
AGAIN = 10.0
"""Seconds until what the store lacks is offered to it again."""


class NotShared(Exception):
    """The store of all monitors has not taken it; says why."""


Share = Callable[[Sequence[Silence]], Awaitable[None]]
"""Have these in the store, beside what stands there; raises NotShared. May be called again with the same ones."""


class SilenceDesk:
    """One monitor's; `share` is None where each monitor keeps its own."""

    name = "silences"

    def __init__(
        self,
        clock: Clock,
        *,
        kinds: Sequence[str],
        known: Iterable[Silence] = (),
        longest: float = LONGEST,
        share: Share | None = None,
        leads: Callable[[], bool] = lambda: False,
        alone: str = "",
        objection: Callable[[str], str] = lambda target: "",
    ) -> None:
        """`kinds`: what targets of this monitor begin with, or are. `known`: of its last life. `longest`: seconds.

        `leads`: whether this monitor reports for all, and so sees to what stands in the store. `alone`: what is added
        to an answer where nobody else hears of it. `objection`: why nobody is of that target, in words; or empty.
        """
        self._clock = clock
        self._kinds = tuple(kinds)
        self._known = dict(merged(known))
        self._longest = longest
        self._share = share
        self._alone = alone
        self._objection = objection
        self._told: asyncio.Queue[SilencesSeen] = asyncio.Queue()
        self._news = asyncio.Event()
        self._leads = leads
        self._lacking = dict(self._known) if share is not None else {}
        self._fault = ""

    # -- what a person wants ----------------------------------------------------------------------

    async def ask(self, wish: Wish) -> Answer:
        """Do it, or say why not."""
        self._tidy()
        match wish.what:
            case Add():
                return await self._add(wish.what, wish)
            case End(key):
                return await self._end(key, wish)

    async def _add(self, what: Add, wish: Wish) -> Answer:
        now = self._clock.now().wall
        if why := self._why_not(what, wish, now):
            return Answer(False, f"Nothing is silenced: {why}.")
        key = os.urandom(4).hex()
        why = printable(wish.why, 500)
        silence = Silence(
            key=key, target=what.target, made=now, until=what.until, author=wish.who, reason=why
        )
        if self._share is not None:
            if len(write([*self._known.values(), silence])) > LARGEST:
                return Answer(
                    False,
                    "Nothing is silenced: the silences that there are fill what all monitors share. End some, or wait "
                    "for an hour after their end; and give shorter reasons.",
                )
            try:
                await self._offer(self._share, [silence])
            except NotShared as fault:
                # It may stand there all the same, unanswered: by this nobody goes by it.
                void = replace(silence, ended=now, ended_by="the monitor that could not tell all of it")
                self._take([void])
                self._lacking[key] = void
                self._news.set()
                return Answer(
                    False,
                    f"Nothing is silenced: the other monitors cannot be told of it ({fault}), and any of them may "
                    "report. Ask again when that is mended.",
                )
        self._take([silence])
        said = f"Silence {key} {telling.silenced(silence)}."
        return Answer(True, " ".join(filter(None, (said, self._alone))), key)

    def _why_not(self, what: Add, wish: Wish, now: datetime.datetime) -> str:
        if why := fault_of(what.target):
            return why
        if not what.target.startswith(self._kinds):
            return f"this monitor does not report about {what.target}"
        if not wish.why.strip():
            return "whoever reads it at night must know why; give a reason"
        length = (what.until - now).total_seconds()
        if length <= 0:
            return f"{telling.moment(what.until)} is over; this host's clock says {telling.moment(now)}"
        if length > self._longest:
            end = now + datetime.timedelta(seconds=self._longest)
            return (
                f"it would last for longer than [DEFAULT] longest_silence, {self._longest:g} s allows: until "
                f"{telling.moment(end)} at most"
            )
        holding = sum(one.ended is None and now < one.until for one in self._known.values())
        if holding >= MOST:
            return f"there are {MOST} silences already; end some"
        if len(self._known) >= MOST_KNOWN // 2:
            return f"{MOST_KNOWN // 2} silences are known, each until an hour after its time; wait for that"
        return self._objection(what.target)

    async def _end(self, key: str, wish: Wish) -> Answer:
        known = self._known.get(key)
        now = self._clock.now().wall
        if known is None or known.ended is not None or now >= known.until:
            return Answer(False, f"No silence {printable(key, 40)} holds here: nothing is done.")
        why = f": {wish.why}" if wish.why else ""
        ended = replace(known, ended=now, ended_by=printable(f"{wish.who}{why}", 200))
        self._take([ended])
        said = f"Silence {key} of {known.whom} is ended; what fails now is judged anew."
        if self._share is None:
            return Answer(True, " ".join(filter(None, (said, self._alone))), key)
        try:
            await self._offer(self._share, [ended])
        except NotShared as fault:
            self._lacking[key] = ended
            self._news.set()
            return Answer(
                True,
                f"{said} The other monitors cannot be told yet ({fault}); until they are, those hold it as before. It "
                "is tried again; to end it at once, ask on the host of the reporter, too.",
                key,
            )
        return Answer(True, said, key)

    # -- what is known of them --------------------------------------------------------------------

    def hear(self, seen: Any) -> None:
        """What the shared store shows, on its way to the decision; all else that passes by is nothing to it.

        The one that leads puts back what the store has lost; who has ended one, its end.
        """
        if isinstance(seen, SilencesSeen) and self._share is not None:
            now = self._clock.now().wall
            near = [one for one in seen.silences if not is_far(one, now)]  # the others hold nothing here
            self._known = dict(merged(self._known.values(), near))
            self._tidy()
            self._lacking |= {
                key: one
                for key, one in self._known.items()
                if (self._leads() or one.ended is not None) and lacks(seen.silences, [one])
            }
            if self._lacking:
                self._news.set()

    def _take(self, silences: Sequence[Silence]) -> None:
        self._known = dict(merged(self._known.values(), silences))
        self._told.put_nowait(SilencesSeen(silences))

    def _tidy(self) -> None:
        now = self._clock.now().wall
        self._known = {key: one for key, one in self._known.items() if not is_past(one, now)}
        self._lacking = {key: self._known[key] for key in self._lacking if key in self._known}

    # -- the source -------------------------------------------------------------------------------

    async def run(self, emit: Callable[[Any], None]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hand_on(emit))
            if self._share is not None:
                tasks.create_task(self._keep_shared(self._share))

    async def _hand_on(self, emit: Callable[[Any], None]) -> NoReturn:
        while True:
            emit(await self._told.get())

    async def _keep_shared(self, share: Share) -> NoReturn:
        while True:
            self._tidy()
            wanted = list(self._lacking.values())
            if wanted:
                with contextlib.suppress(NotShared):
                    await self._offer(share, wanted)
                    self._lacking = {key: one for key, one in self._lacking.items() if one not in wanted}
            await pause(self._clock, AGAIN if self._lacking else None, self._news)

    async def _offer(self, share: Share, silences: Sequence[Silence]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await share(silences)
        except TimeoutError:
            fault = NotShared("no answer in time")
        except NotShared as said:
            fault = said
        else:
            self._fault = ""
            return
        if str(fault) != self._fault:
            self._fault = str(fault)
            LOG.warning("Silences cannot be shared with the other monitors at present: %s", fault)
        raise fault
