"""Whether the host of a server that is said to leave was alive as it left; or of a client that was called critical.

In: servers that gossip has begun to call leaving or left. Out: those of them whose host answers on that network. A
datacentre's leader has crashed servers leave, too, at its next look at them: some 10 s after it has called them
failed, or within the same moment. Whoever learns of both at once, or of the leaving before the failure, hears nothing
but a good-bye. But who says good-bye lives, and a host without power or network answers nothing. One silence proves
nothing, though: a host may be switched off right after a planned good-bye, or one packet be lost. So a silent host is
asked again, and what is then believed is one table (`STAGES`).
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul.departures.places import Places
from masakarimonitors.system.network import tcp
from masakarimonitors.system.network.tcp import Knock

TIMEOUT = 2.5
"""Seconds for each try: TCP repeats its first packet after 1 s (RFC 6298), so one lost packet is forgiven."""

SSH = 22
"""Asked, too: a firewall may keep to itself what comes for an agent."""

BOOT = 10.0
"""Seconds: no computer starts within them. Whoever answers first after more of them may have crashed and be back."""


def is_recent(moment: Instant, now: Instant) -> bool:
    """Whether a host that answers now has not started anew since that moment."""
    return now.monotonic <= moment.old_at(BOOT, now)


Answers = Callable[[str, int], Awaitable[bool | None]]
"""Whether a kernel answers at an address (IP) and a port; None where that could not be tried."""


async def answers(address: str, port: int) -> bool | None:
    """Whether the kernel there accepts or refuses a connection; what leads to this host itself says nothing."""
    if not tcp.leads_elsewhere(address):
        return None
    how, _ = await tcp.knock(address, port, TIMEOUT)
    return _HEARD.get(how)


async def accepts(address: str, port: int) -> bool | None:
    """Whether a program there takes connections: not only a kernel that refuses them."""
    if not tcp.leads_elsewhere(address):
        return None
    how, _ = await tcp.knock(address, port, TIMEOUT)
    return how is Knock.ACCEPTED


_HEARD: Mapping[Knock, bool] = {Knock.ACCEPTED: True, Knock.REFUSED: True, Knock.SILENT: False}
"""What is missing here was not tried: no route, no descriptors."""


async def ask(servers: Iterable[str], places: Places, answers: Answers) -> Mapping[str, bool | None]:
    """For each of these servers, whether anything answers where its agent listens, or is known to have listened.

    None: nobody could be asked, for no address is known or there is no way to it.
    """

    async def one(server: str) -> bool | None:
        place = places.of(server)
        if place is None:
            return None
        address, port = place
        found = await asyncio.gather(answers(address, port), answers(address, SSH))
        return True if True in found else None if None in found else False

    asked = list(servers)
    found = await asyncio.gather(*(one(server) for server in asked))
    return dict(zip(asked, found, strict=True))


class Stage(enum.Enum):
    """How far it is known whether a server that vanished said good-bye itself."""

    UNASKED = "unasked"
    """Nobody has asked its host, or nobody could so far."""
    SILENT = "silent"
    """Its host has answered nothing so far; it is asked again and again."""
    LIVES = "lives"
    """Its host has answered: the good-bye is its own."""
    BURIED = "buried"
    """Nothing has answered for long enough, and nothing speaks for a good-bye: its leader has said it."""
    DOUBTFUL = "doubtful"
    """Nobody can say: it was seen leaving and no other datacentre has lost it, or its host answers late."""


OPEN = frozenset({Stage.UNASKED, Stage.SILENT})
"""Stages in which a host is still to be asked."""


class Silence(enum.Enum):
    """What came of asking a server's host."""

    NONE = "none"
    """It has answered."""
    ENDED = "ended"
    """It has answered more than `BOOT` seconds after the first try."""
    UNTRIED = "untried"
    """It could not be asked."""
    SHORT = "short"
    """Nothing has answered, for less than `Rhythm.silence`."""
    LONG = "long"
    """Nothing has answered for as long, and nothing speaks for a good-bye."""
    LONG_AND_LEAVING = "long and leaving"
    """Nothing has answered for as long, but a good-bye was seen."""


STAGES: Mapping[tuple[Stage, Silence], Stage] = {
    (Stage.UNASKED, Silence.NONE): Stage.LIVES,
    # Until now it could not be tried.
    (Stage.UNASKED, Silence.ENDED): Stage.DOUBTFUL,
    (Stage.UNASKED, Silence.UNTRIED): Stage.UNASKED,
    (Stage.UNASKED, Silence.SHORT): Stage.SILENT,
    # The first silence has only begun, however long `Rhythm.silence` is.
    (Stage.UNASKED, Silence.LONG): Stage.SILENT,
    (Stage.UNASKED, Silence.LONG_AND_LEAVING): Stage.SILENT,
    (Stage.SILENT, Silence.NONE): Stage.LIVES,
    (Stage.SILENT, Silence.ENDED): Stage.DOUBTFUL,
    # Its silence begins anew.
    (Stage.SILENT, Silence.UNTRIED): Stage.SILENT,
    (Stage.SILENT, Silence.SHORT): Stage.SILENT,
    (Stage.SILENT, Silence.LONG): Stage.BURIED,
    (Stage.SILENT, Silence.LONG_AND_LEAVING): Stage.DOUBTFUL,
}
"""Every pair of an open stage has its row; the other stages are final."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """One server that was followed alive until it vanished.

    `since`: the monotonic second of its first silence, in which this computer was awake. `begun`: when the first try
    was begun, made or not; of one that was critical, when it was still passing. `leaving`: gossip was seen to call it
    leaving.
    """

    stage: Stage = Stage.UNASKED
    since: float = 0.0
    begun: Instant | None = None
    leaving: bool = False

    def tried_late(self, now: Instant) -> bool:
        """Whether its silence began so long after the first try, which could not be made, that it proves little."""
        begun = self.begun
        return self.stage is Stage.SILENT and begun is not None and self.since > begun.old_at(BOOT, now)

    def asked(
        self, answers: bool | None, begun: Instant, now: Instant, *, long: float, lost_elsewhere: bool = False
    ) -> "Farewell":
        """After one more try, which was begun then and is over `now`; `long`: seconds of silence that settle it.

        `answers`: None where it could not be tried. `lost_elsewhere`: another datacentre's leader calls the same host
        lost. Then seeing it leave proves nothing: agents that have not heard of a crash call a server leaving that its
        leader buries.
        """
        begun = begun if self.begun is None else self.begun
        since = now.monotonic if self.stage is Stage.UNASKED or answers is None else self.since
        if answers is None:
            heard = Silence.UNTRIED
        elif answers:
            heard = Silence.NONE if is_recent(begun, now) else Silence.ENDED
        elif now.monotonic - since < long:
            heard = Silence.SHORT
        else:
            heard = Silence.LONG_AND_LEAVING if self.leaving and not lost_elsewhere else Silence.LONG
        return replace(self, stage=STAGES[self.stage, heard], since=since, begun=begun)
