"""Signs of life: does anything of a host that its cluster engine has lost still answer?

In: one `CheckLife`. Out: one `LifeSeen`, always, within `LONGEST` seconds, and `TIMEOUT` more for names. Every
address that the driver knows of the host is tried by TCP at the same time; one that is accepted *or refused* is a
living kernel, and ends the question. Otherwise all are tried once more, `APART` seconds later: `ROUNDS` says what two
rounds say together. A host that answers may have lost its agent alone, and evacuating it would start its instances
twice.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from masakarimonitors.hostmonitor.core.evidence.inquiry import LIFE_LIMIT
from masakarimonitors.hostmonitor.core.observation import CheckLife, Life, LifeSeen
from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.power.names import NameFault, Names
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.network import tcp
from masakarimonitors.system.network.tcp import Knock

TIMEOUT = 3.0
"""Seconds for each try: TCP repeats its first packet after 1 s (RFC 6298), so one lost packet is forgiven."""

APART = 5.0
"""Seconds from one round of tries to the next: longer than a network that forms its spanning tree or its routes anew
after the loss of a link drops everything, as a rule, and than a host that is paused for a moment."""

_AT_ONCE = 384
"""Connections in flight, of all hosts together: well below the 1024 descriptors that a process usually has."""

LONGEST = LIFE_LIMIT - 5.0
"""Seconds in which a question is answered, its time in line behind those of other hosts included: an answer that the
decision has given up is lost, and with it perhaps the only sign of life."""

_ROUND = (LONGEST - APART) / 2
"""Seconds for one round."""

ROUNDS: Mapping[tuple[Life, Life], Life] = {
    (Life.SILENT, Life.SILENT): Life.SILENT,
    (Life.SILENT, Life.UNTRIED): Life.UNTRIED,
    (Life.SILENT, Life.ALIVE): Life.ALIVE,
    (Life.UNTRIED, Life.SILENT): Life.UNTRIED,
    (Life.UNTRIED, Life.UNTRIED): Life.UNTRIED,
    (Life.UNTRIED, Life.ALIVE): Life.ALIVE,
}
"""What two rounds say together: silence is only what was silent at both. Life at the first needs no second."""

_ANSWERS = {Knock.ACCEPTED: "accepts connections", Knock.REFUSED: "refuses connections"}

Try = Callable[[str, int, float], Awaitable[tuple[Knock, str]]]
Tried = tuple[Endpoint, Knock, str]
"""One try that has ended: of what, how, and why, in a clause."""
LookUp = Callable[[str, int], Awaitable[Sequence[str]]]


class HasEndpoints(Protocol):
    """`Driver.endpoints`: what is known of a host's addresses at present."""

    def __call__(self, host: str, /) -> Sequence[Endpoint]:
        """Empty when nothing is known."""


class SignsOfLife:
    """Answers `CheckLife`."""

    def __init__(
        self,
        endpoints: HasEndpoints,
        clock: Clock,
        *,
        knock: Try = tcp.knock,
        leads_elsewhere: Callable[[str], bool] = tcp.leads_elsewhere,
        look_up: LookUp | None = None,
    ) -> None:
        """`knock` tries one connection; where `leads_elsewhere` is false, this host itself would answer.

        `look_up` tells the addresses of a name (Pacemaker knows some hosts by name only); it raises NameFault.
        """
        self._endpoints = endpoints
        self._clock = clock
        self._knock = knock
        self._leads_elsewhere = leads_elsewhere
        self._look_up = look_up or Names(TIMEOUT).addresses
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def check(self, request: CheckLife) -> LifeSeen:
        """One answer; UNTRIED on any fault of our own, never an exception."""
        at = self._clock.now()
        try:
            life, evidence = await self._look(request.host)
        except Exception as fault:  # noqa: BLE001 - a driver's fault must not leave the question without an answer
            life, evidence = Life.UNTRIED, f"it could not be looked for ({type(fault).__name__}: {fault})"
        return LifeSeen(host=request.host, life=life, evidence=evidence, at=at, in_reply_to=request)

    async def _look(self, host: str) -> tuple[Life, str]:
        found = await asyncio.gather(*(self._places(one) for one in dict.fromkeys(self._endpoints(host))))
        known = list(dict.fromkeys(place for places in found for place in places))
        others = [one for one in known if self._leads_elsewhere(one.address)]
        if not others:
            own = ", ".join(one.address for one in known)
            why = (
                f"{own} lead to this host itself, not to {host}"
                if known
                else f"no address of {host} is known"
            )
            return Life.UNKNOWN, why
        first = await self._round(others)
        if first[0] is Life.ALIVE:
            return first
        await self._clock.sleep(APART)
        return together(first, await self._round(others))

    async def _round(self, others: Sequence[Endpoint]) -> tuple[Life, str]:
        """Until one answers, all have ended, or the time is over."""
        tries = [asyncio.get_running_loop().create_task(self._try(one)) for one in others]
        ended: list[Tried] = []
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROUND):
                    for first in asyncio.as_completed(tries):
                        ended.append(await first)
                        if ended[-1][1] in _ANSWERS:
                            break
        finally:
            for one in tries:
                one.cancel()
            await asyncio.gather(*tries, return_exceptions=True)
        return judged(ended, of=len(others))

    async def _places(self, endpoint: Endpoint) -> Sequence[Endpoint]:
        """Where its name leads; a name that leads nowhere stays, and the try says so."""
        try:
            addresses = await self._look_up(endpoint.address, endpoint.port)
        except NameFault:
            return [endpoint]
        return [replace(endpoint, address=address) for address in addresses]

    async def _try(self, endpoint: Endpoint) -> Tried:
        async with self._free:
            how, why = await self._knock(endpoint.address, endpoint.port, TIMEOUT)
        return endpoint, how, why


def together(first: tuple[Life, str], second: tuple[Life, str]) -> tuple[Life, str]:
    """What two rounds say, and the evidence of it; the first was no life."""
    life = ROUNDS[first[0], second[0]]
    if life is second[0]:
        return life, f"{second[1]}{f', twice {APART:.0f} s apart' * (life is Life.SILENT)}"
    return life, f"{first[1]}; {APART:.0f} s later {second[1]}"


def judged(ended: Sequence[Tried], of: int) -> tuple[Life, str]:
    """What the tries of one round that have ended say together, of so many that were to be made.

    An address to which there is no route counts for nothing, so that a family of addresses which this host does not
    have (IPv6) keeps no host from being found silent; but one that could not be tried for want of something here
    leaves the question open.
    """
    for endpoint, how, _ in ended:
        if how in _ANSWERS:
            return Life.ALIVE, f"{_shown(endpoint)} {_ANSWERS[how]}"
    words = "; ".join(f"{_shown(endpoint)}: {why}" for endpoint, _, why in ended)
    hows = {how for _, how, _ in ended}
    if len(ended) < of:
        words = f"not all of its {of} addresses could be tried in {_ROUND:g} s{': ' * bool(words)}{words}"
        return Life.UNTRIED, words
    if Knock.SHORTAGE in hows or Knock.SILENT not in hows:
        return Life.UNTRIED, f"this monitor cannot try it ({words})"
    return Life.SILENT, words


def _shown(endpoint: Endpoint) -> str:
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{endpoint.what} {address}:{endpoint.port}"
