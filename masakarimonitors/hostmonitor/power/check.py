"""The looks at a host's BMCs that make a proof: who is asked, how often, and whose word counts.

In: the BMCs of a host. Out: one `Proof`, always. OFF is believed when every BMC of the host has said so at two looks;
any BMC that says on at either wins over all others.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Power, ProofKind
from masakarimonitors.hostmonitor.power.bmc import Address, Bmc, Lack, Reading, Speaks
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

LOOKS_APART = 10.0
"""Seconds between two looks, by default. A chassis power cycle is off for 1 s (IPMI 2.0, section 28.3), and a BMC that
has just restarted can say off for some seconds while its host runs: OpenBMC's reports 487, 1094 and 2139 show it."""

SETTLED_APART = 2.0
"""Seconds between the looks where every BMC shows by its own uptime, at both, that it has not just restarted: then only
the off part of a power cycle has to be outlasted."""

AHEAD = 5.0
"""Seconds that a host takes at most from the first of its links to be lost to the one by which it has failed; longer
than the looks must be apart, so long may a first look have been made already."""

_AT_ONCE = 64
"""Questions in flight, of all hosts together; each is a process of some MiB where IPMI is spoken."""

_ANEW = 3
"""Pairs of looks that are made anew, at most, because there was a standstill in between."""

_WORST = (Lack.FAULT, Lack.ODD, Lack.SILENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the BMCs of one host have proven, and when they spoke.

    `at` is the moment at which the deciding look *began*: none of its answers is older, and however long one was on
    its way, the proof is not taken for a younger one. `kind` is None without proof, and `lack` says why there is
    none (None where no BMC is known). `known`: of a host that is up, that every BMC which says off was known to be
    wrong before.
    """

    power: Power
    evidence: str
    at: Instant
    kind: ProofKind | None = None
    lack: Lack | None = None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What all BMCs of a host answered at one look, in the order of their addresses.

    It began `at`, and `ended` with the last answer.
    """

    at: Instant
    readings: tuple[Reading, ...]
    ended: Instant

    @property
    def words(self) -> str:
        return "; ".join(reading.evidence for reading in self.readings)

    @property
    def says_on(self) -> bool:
        return any(reading.power is Power.ON for reading in self.readings)

    @property
    def all_silent(self) -> bool:
        return all(reading.lack is Lack.SILENT for reading in self.readings)

    @property
    def settled(self) -> bool:
        """Whether the uptime of every BMC shows that it has not just restarted."""
        return all(reading.uptime is not None and reading.uptime.settled for reading in self.readings)

    def confirms(self, before: "Look") -> bool:
        """Whether the clocks of every BMC say the same as at that look."""
        elapsed = self.at.monotonic - before.at.monotonic
        pairs = zip(before.readings, self.readings, strict=True)
        return all(
            one.uptime is not None and other.uptime is not None and one.uptime.goes_on(other.uptime, elapsed)
            for one, other in pairs
        )

    @property
    def lack(self) -> Lack | None:
        return _worst(self.readings)


def _worst(readings: Sequence[Reading]) -> Lack | None:
    found = {reading.lack for reading in readings}
    return next((lack for lack in _WORST if lack in found), None)


def of_a_host_that_is_up(look: Look, asked: Collection[int]) -> Proof:
    """What one look says: ON, or what is wrong. OFF is no proof of anything after a single one.

    Each BMC counts by itself: all of them must say off when their host has failed, and a fencing may go through any.
    `asked`: which of them could be asked for proof then; of the others it counts only that they say off.
    """
    if any(reading.power is Power.OFF for reading in look.readings):
        return Proof(power=Power.OFF, evidence=look.words, at=look.at, kind=ProofKind.BMC)
    lack = _worst([reading for at, reading in enumerate(look.readings) if at in asked])
    if lack is not None:
        return Proof(power=Power.NO_PROOF, evidence=look.words, at=look.at, lack=lack)
    return Proof(power=Power.ON, evidence=look.words, at=look.at, kind=ProofKind.BMC)


class PowerCheck:
    """Asks every BMC of a host and says in one word whether the host is off."""

    def __init__(
        self,
        asks: Mapping[Speaks, Bmc],
        clock: Clock,
        *,
        unreachable_means_off: bool = False,
        apart: float = LOOKS_APART,
    ) -> None:
        """`unreachable_means_off`: the operator's own risk; silence at both looks counts as off, unchecked.

        `apart`: seconds between the two looks, unless the BMCs themselves show that fewer are enough.
        """
        self._asks = asks
        self._clock = clock
        self._unreachable_means_off = unreachable_means_off
        self._apart = apart
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._crowded = False

    async def check(
        self,
        host: str,
        addresses: Sequence[Address],
        witnesses: Sequence[Address] = (),
        ahead: Look | None = None,
    ) -> Proof:
        """OFF, ON or NO_PROOF, with the words of every BMC that was asked.

        `witnesses`: BMCs of other hosts. Where silence counts as off, one of them must not be silent. `ahead`: a look
        at these addresses, made when the host began to be lost; it is the first of the two, if that was just now.
        """
        if not addresses:
            return Proof(power=Power.NO_PROOF, evidence=f"no BMC is known for {host}", at=self._clock.now())
        first = ahead if ahead is not None and self._counts(ahead) else await self.look(addresses)
        if not self._may_all_be_off(first):
            return _of(first, first.words)
        apart = min(self._apart, SETTLED_APART) if first.settled else self._apart
        await self._clock.sleep(max(0.0, first.ended.monotonic + apart - self._clock.now().monotonic))
        second = await self.look(addresses)
        unsure = apart < self._apart and not second.confirms(first)
        for _ in range(_ANEW):
            if not (unsure or self._too_far_apart(first, second)) or not self._may_all_be_off(second):
                break
            # Its uptime is none, so it may just have restarted; or this computer, or this process alone, stood still in
            # between, and the first look is about another time.
            first, apart, unsure = second, self._apart, False
            await self._clock.sleep(apart)
            second = await self.look(addresses)
        if self._too_far_apart(first, second) and self._may_all_be_off(second):
            words = (
                f"{second.words}; this monitor stood still between any two looks, so none of them are a pair"
            )
            return Proof(power=Power.NO_PROOF, evidence=words, at=second.at, lack=Lack.ODD)
        pairs = list(zip(first.readings, second.readings, strict=True))
        if any(one.power is not other.power or one.lack is not other.lack for one, other in pairs):
            return _of(second, f"{first.words}; {apart:.0f} s later {second.words}")
        words = f"{second.words}, twice {apart:.0f} s apart"
        if all(reading.power is Power.OFF for reading in second.readings):
            return Proof(power=Power.OFF, evidence=words, at=second.at, kind=ProofKind.BMC)
        return await self._unchecked(second, words, witnesses)

    async def _unchecked(self, look: Look, words: str, witnesses: Sequence[Address]) -> Proof:
        """Silence at both looks, where that counts: not if the BMCs of other hosts are silent, too."""
        if witnesses and (await self.look(witnesses)).all_silent:
            words += f"; no BMC of other hosts ({len(witnesses)} asked) answers either: the way there is cut"
            return Proof(power=Power.NO_PROOF, evidence=words, at=look.at, lack=Lack.SILENT)
        words += "; taken as off unchecked, because power_unreachable_means_off is set"
        return Proof(power=Power.OFF, evidence=words, at=look.at, kind=ProofKind.UNCHECKED)

    def _too_far_apart(self, first: Look, second: Look) -> bool:
        """Whether this process, or this computer, stood still in between."""
        late = second.at.monotonic - first.ended.monotonic > self._apart + AHEAD
        return late or second.at.unnoticed_since(first.ended) > 0.0

    def _counts(self, ahead: Look) -> bool:
        """Two looks that are much farther apart than they must be are no pair."""
        now = self._clock.now()
        young = now.monotonic <= ahead.ended.old_at(self._apart + AHEAD, now)
        return self._may_all_be_off(ahead) and young

    def _may_all_be_off(self, look: Look) -> bool:
        return all(
            reading.power is Power.OFF or (reading.lack is Lack.SILENT and self._unreachable_means_off)
            for reading in look.readings
        )

    async def look(self, addresses: Sequence[Address]) -> Look:
        """All of a host's BMCs, side by side."""
        at = self._clock.now()
        readings = await asyncio.gather(*(self._ask(address) for address in addresses))
        return Look(at, tuple(readings), self._clock.now())

    async def _ask(self, address: Address) -> Reading:
        if self._free.locked() and not self._crowded:
            LOG.warning("%d BMCs are being asked at once: the others wait in line", _AT_ONCE)
        self._crowded = self._free.locked()
        async with self._free:
            try:
                return await self._asks[address.speaks].read(address)
            except Exception as fault:  # noqa: BLE001 - whatever a BMC sends, its host's question has an answer
                words = f"{address.shown}: it could not be asked ({type(fault).__name__})"
                return Reading(Power.NO_PROOF, words, Lack.FAULT)


def _of(look: Look, words: str) -> Proof:
    """A look by which nothing can be off: on, or no proof."""
    if look.says_on:
        return Proof(power=Power.ON, evidence=words, at=look.at, kind=ProofKind.BMC)
    lack = look.lack or Lack.ODD  # off once, and something else before or after it
    return Proof(power=Power.NO_PROOF, evidence=words, at=look.at, lack=lack)
