"""Rounds: the BMCs of hosts that are up are looked at now and then, long before one of them is needed.

In: who is up, and one look at a host's BMCs at a time. Out: `BmcSeen` for each host whose BMC does not say "on", and
once more when it does again; `judged` makes verdicts of them, beside the core and without its state, and what must
outlast a restart. A BMC that says off while its host is up belongs to another host, and would one day prove the wrong
one dead, so it is not asked for proof any more; one that cannot be asked will prove nothing when its host has failed.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from masakarimonitors.core.decision import JSON, Command, Decision, Instant, Remember, Ruling, Verdict
from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.check import LOOKS_APART, Proof
from masakarimonitors.system.clock import Clock

PACE = 60.0
"""Seconds between two hosts at least, so that the management network hardly notices."""

MISSED_WITHIN = 180.0
"""Seconds in which a cluster engine has missed a host that has lost its power, and lists it as up until then: 5 to 30
as a rule, 50 with Kubernetes' defaults, 120 where a remote's monitor operation is slow. A BMC that says off meanwhile
is right."""

AGAIN = 3600.0
"""Seconds until one is looked at again that was not up all the time until its BMC was known: others come between."""

MEMORY = "bmc:"
"""`Remember` keys: this, then the host's name."""

Look = Callable[[str], Awaitable[Proof | None]]
"""One look at the BMCs of a host; None where none is known."""

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class BmcSeen:
    """What the BMCs of a host said while it was up; `wrong`: which of them are known to be another host's."""

    host: str
    proof: Proof
    at: Instant
    wrong: tuple[str, ...] = ()


class BmcRounds:
    """A source that looks at one BMC a minute, and at each at most once in `interval` seconds."""

    name = "BMC rounds"

    def __init__(
        self,
        look: Look,
        hosts: Callable[[Instant], Sequence[str]],
        clock: Clock,
        interval: float,
        *,
        note: Callable[[str, Power], Sequence[str]] = lambda host, said: (),
        bad: Iterable[str] = (),
    ) -> None:
        """`hosts` says at any moment whose BMCs this monitor may look at: hosts that are up.

        `note` is told what those of a host have said while it was up: whoever asks them for proof must know; it returns
        which are wrong. `bad`: the hosts of which some were wrong before a restart: they are looked at first.
        """
        self._look = look
        self._hosts = hosts
        self._clock = clock
        self._interval = interval
        self._note = note
        self._looked: dict[str, float] = {}
        self._bad: set[str] = set(bad)

    async def run(self, emit: Callable[[Any], None]) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(PACE)
            host = self._next()
            if host is not None:
                await self._visit(host, emit)

    def _next(self) -> str | None:
        """Who was not looked at for the longest time, if that is long enough."""
        now = self._clock.now()
        hosts = self._hosts(now)
        waiting = sorted(
            hosts, key=lambda host: (self._looked.get(host, -self._interval), host not in self._bad, host)
        )
        if not waiting or now.monotonic - self._looked.get(waiting[0], -self._interval) < self._interval:
            return None
        return waiting[0]

    async def _visit(self, host: str, emit: Callable[[Any], None]) -> None:
        self._looked[host] = self._clock.now().monotonic
        proof = await self._look(host)
        if proof is None:
            return
        if proof.power is not Power.ON:
            # BMCs restart, answers get lost, hosts are switched off: what counts is seen again while the host is up.
            proof = await self._look_again(host, LOOKS_APART)
        if proof is not None and proof.power is Power.OFF:
            # Unless the host has just died, and nobody has missed it yet: then the BMC is right.
            proof = await self._look_again(host, MISSED_WITHIN)
        now = self._clock.now()
        if proof is None or host not in self._hosts(now):
            # It is down, or was out of sight for a moment: not to be left for a whole interval.
            self._looked[host] = now.monotonic - self._interval + min(self._interval, AGAIN)
            return
        wrong = tuple(self._note(host, proof.power))
        bad = proof.power is not Power.ON
        if bad or host in self._bad:
            emit(BmcSeen(host, proof, now, wrong))
        self._bad = self._bad | {host} if bad else self._bad - {host}

    async def _look_again(self, host: str, after: float) -> Proof | None:
        """So many seconds later, if the host is still up then."""
        await self._clock.sleep(after)
        return await self._look(host) if host in self._hosts(self._clock.now()) else None


def judged(seen: BmcSeen) -> Decision:
    """The verdict on a host's BMCs, which are a subject of their own, and what the next life must know of them."""
    commands: tuple[Command, ...] = ()
    if seen.proof.power is not Power.NO_PROOF:
        kept: Mapping[str, JSON] | None = {"wrong": list(seen.wrong)} if seen.wrong else None
        commands = (Remember(MEMORY + seen.host, kept),)
    match seen.proof.power:
        case Power.OFF:
            ruling, alarm = Ruling.SUSPECTED, True
            why = (
                f"its BMC says off while {seen.host} is up: it belongs to another host, and is no proof of anything "
                "until it says on; correct the power_config_file or the fencing device"
            )
        case Power.ON:
            ruling, alarm, why = Ruling.RECOVERED, False, f"it says that {seen.host} is on, as it is"
        case _:
            ruling, alarm = Ruling.BLIND, True
            why = f"it could prove nothing if {seen.host} failed now; see the evidence"
    verdict = Verdict(f"bmc:{seen.host}", ruling, why, evidence=seen.proof.evidence, alarm=alarm)
    return Decision(commands, (verdict,))


def remembered(memory: Mapping[str, Mapping[str, JSON]]) -> Mapping[str, Sequence[str]]:
    """By host, the BMCs that were wrong before a restart; what cannot be understood is left out."""
    found: dict[str, Sequence[str]] = {}
    for key, kept in memory.items():
        wrong = kept.get("wrong") if key.startswith(MEMORY) else None
        names = [one for one in wrong if isinstance(one, str)] if isinstance(wrong, list) else []
        if names:
            found[key.removeprefix(MEMORY)] = names
    return found


def beside(
    decide: Callable[[S, Any, Instant], tuple[S, Decision]],
) -> Callable[[S, Any, Instant], tuple[S, Decision]]:
    """`decide`, with what the rounds have seen judged beside it."""

    def both(state: S, seen: Any, now: Instant) -> tuple[S, Decision]:
        return (state, judged(seen)) if isinstance(seen, BmcSeen) else decide(state, seen, now)

    return both
