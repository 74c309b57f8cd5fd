"""Rounds: the BMCs of hosts that are up are looked at now and then, long before one of them is needed.

In: who is up, and one look at a host's BMCs at a time. Out: `BmcSeen` for each host whose BMC does not say "on" or is
held to be another host's, and once more when all is well again; `judged` makes verdicts of them, beside the core and
without its state, and what must outlast a restart or a change of the reporter. A BMC that says off while its host is
up belongs to another host, and would one day prove the wrong one dead, so it is not asked for proof any more; one that
cannot be asked will prove nothing when its host has failed.
"""

import math
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from masakarimonitors.core.decision import JSON, Command, Decision, Instant, Remember, Ruling, Verdict
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, WrongBmcs, counted
from masakarimonitors.hostmonitor.core.observation import Power, WriteLedger
from masakarimonitors.hostmonitor.power.bmc import Lack
from masakarimonitors.hostmonitor.power.check import LOOKS_APART, Proof
from masakarimonitors.system.clock import Clock

PACE = 60.0
"""Seconds between two hosts at least, so that the management network hardly notices."""

MISSED_WITHIN = 180.0
"""Seconds in which a cluster engine has missed a host that has lost its power, and lists it as up until then: 5 to 30
as a rule, 50 with Kubernetes' defaults, 120 where a remote's monitor operation is slow. A BMC that says off meanwhile
is right."""

AGAIN = 3600.0
"""Seconds until one is looked at again that was not up all the time until its BMC was known, or whose BMC could not be
asked: a password that is wrong must not be tried often, for there are BMCs that lock who tries it."""

WRONG_AGAIN = 300.0
"""Seconds until one is looked at again whose BMC belongs to another host: who corrects that waits for the word."""

MEMORY = "bmc:"
"""`Remember` keys: this, then the host's name."""

Look = Callable[[str], Awaitable[Proof | None]]
"""One look at the BMCs of a host; None where none is known."""

_LONGEST = 1e9
"""Seconds: what says more than that was written by nobody."""

S = TypeVar("S")


NAMELESS_FOR = 3600.0
"""Seconds for which nobody may name a BMC for a host until it is forgotten which of its BMCs were wrong: at a start of
the cluster engine, or while a file is edited, none is named for a moment."""


@dataclass(frozen=True, slots=True)
class BmcSeen:
    """What the BMCs of a host said while it was up; None: it has none (any more).

    `wrong`: which are held to be another host's, each with the seconds for which it has said only on since. So they may
    be though all say on: for now, or because the other host is on again. `news`: what people are to be told, and not
    only what is to be remembered. `listed`: whether the ledger says otherwise of it.
    """

    host: str
    proof: Proof | None
    at: Instant
    wrong: Mapping[str, float] = field(default_factory=dict)
    _: KW_ONLY
    news: bool = True
    listed: bool = False


class Line(StrEnum):
    """Where a host stands that is due: the lines are served in turns, so that none waits for a longer one."""

    WRONG = "a BMC of it was wrong when it was last looked at"
    CHANGED = "its BMCs are named otherwise since"
    ORDINARY = "it was not looked at for the interval"


@dataclass(frozen=True, slots=True)
class _Told:
    """What was said of a host last, and when (monotonic seconds)."""

    proof: Proof
    wrong: frozenset[str]
    at: float

    def says(self, proof: Proof, wrong: Iterable[str]) -> bool:
        """Whether that is what it said, in whatever words."""
        return (self.proof.power, self.proof.lack, self.wrong) == (proof.power, proof.lack, frozenset(wrong))


class BmcRounds:
    """A source that looks at one host's BMCs a minute, and at each host's at most once in `interval` seconds.

    Sooner where somebody has to mend something: a BMC that is another host's, those that have changed, one that could
    not be asked.
    """

    name = "BMC rounds"

    def __init__(
        self,
        look: Look,
        hosts: Callable[[Instant], Sequence[str]],
        clock: Clock,
        interval: float,
        *,
        note: Callable[[str, Power], Mapping[str, float]] = lambda host, said: {},
        places: Callable[[str], Hashable] = lambda host: None,
        bad: WrongBmcs | None = None,
    ) -> None:
        """`hosts` says at any moment whose BMCs this monitor may look at: hosts that are up.

        `note` is told what those of a host have said while it was up: whoever asks them for proof must know; it returns
        which are wrong, and for how many seconds each has said only on. `places` of a host is another one once its BMCs
        are named otherwise. `bad`: those that were wrong before a restart: their hosts are looked at first.
        """
        self._look = look
        self._hosts = hosts
        self._clock = clock
        self._interval = interval
        self._note = note
        self._places = places
        self._lines = list(Line)
        self._due: dict[str, float] = {}
        self._looked_at: dict[str, Hashable] = {}
        # Names in lower case: the ledger's are.
        self._wrong: set[str] = set()
        self._bad: set[str] = set()
        self._told: dict[str, _Told] = {}
        self._kept = dict(bad or {})
        # Since when (monotonic seconds) nobody names a BMC of a host of which one was wrong.
        self._nameless: dict[str, float] = {}
        self.suspect(self._kept)

    def suspect(self, hosts: Iterable[str]) -> None:
        """Others have found that BMCs of these hosts are wrong: they are looked at first."""
        names = {host.lower() for host in hosts}
        self._wrong |= names
        self._bad |= names
        for host in self._due:
            if host.lower() in names:
                self._due[host] = -math.inf

    async def run(self, emit: Callable[[Any], None]) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(PACE)
            host = self._next()
            if host is not None:
                await self._visit(host, emit)

    def _next(self) -> str | None:
        """Who has been due for the longest time, of the line whose turn it is."""
        now = self._clock.now()
        waiting: dict[Line, list[tuple[float, str]]] = {line: [] for line in Line}
        for host in self._hosts(now):
            changed = host in self._looked_at and self._looked_at[host] != self._places(host)
            due = self._due.get(host, -math.inf)
            if changed or due <= now.monotonic:
                line = (
                    Line.WRONG if host.lower() in self._wrong else Line.CHANGED if changed else Line.ORDINARY
                )
                waiting[line].append((due, host))
        for line in self._lines:
            if waiting[line]:
                self._lines = [*(other for other in self._lines if other is not line), line]
                return min(waiting[line])[1]
        return None

    async def _visit(self, host: str, emit: Callable[[Any], None]) -> None:
        began = self._clock.now().monotonic
        self._looked_at[host] = self._places(host)
        # Whatever becomes of this look, it is not made again and again.
        self._due[host] = began + min(self._interval, AGAIN)
        proof = await self._look(host)
        if proof is None:
            self._miss(host, began, emit)
            return
        self._nameless.pop(host, None)
        if proof.power is not Power.ON and not proof.known:
            # BMCs restart, answers get lost, hosts are switched off: what counts is seen again while the host is up.
            proof = await self._look_again(host, LOOKS_APART)
        if proof is not None and proof.power is Power.OFF and not proof.known:
            # Unless the host has just died, and nobody has missed it yet: then the BMC is right.
            proof = await self._look_again(host, MISSED_WITHIN)
        now = self._clock.now()
        if proof is None or host not in self._hosts(now):
            # It is down, or was out of sight for a moment: not to be left for a whole interval.
            self._due[host] = now.monotonic + self._soon(AGAIN)
            return
        wrong = self._note(host, proof.power)
        self._take(host, proof, wrong, began)
        self._tell(host, proof, now, wrong, emit)

    def _miss(self, host: str, began: float, emit: Callable[[Any], None]) -> None:
        """It has no BMC: nothing is wrong with one, and after a while nothing was."""
        name, now = host.lower(), self._clock.now()
        self._due[host] = began + self._interval
        if name not in self._wrong | self._bad and host not in self._nameless:
            return
        since = self._nameless.setdefault(host, now.monotonic)
        over = now.monotonic >= since + NAMELESS_FOR
        if over:
            self._note(host, Power.ON)
            del self._nameless[host]
        else:
            self._due[host] = since + NAMELESS_FOR
        wrong = {} if over else self._kept.get(host, {})
        if over or name in self._bad:
            emit(BmcSeen(host, None, now, wrong, news=name in self._bad, listed=over))
        if over:
            self._kept.pop(host, None)
        self._told.pop(host, None)
        self._bad.discard(name)
        self._wrong.discard(name)

    def _take(self, host: str, proof: Proof, wrong: Mapping[str, float], began: float) -> None:
        """When it is looked at again, and in which line it waits for that."""
        now, bad = self._clock.now().monotonic, bool(wrong) or proof.power is Power.OFF
        self._wrong = self._wrong | {host.lower()} if bad else self._wrong - {host.lower()}
        if proof.power is Power.ON and not bad:
            self._due[host] = began + self._interval
        else:
            again = WRONG_AGAIN if bad and proof.lack is not Lack.FAULT else AGAIN
            self._due[host] = now + self._soon(again)

    def _soon(self, seconds: float) -> float:
        return min(self._interval, seconds)

    def _tell(
        self,
        host: str,
        proof: Proof,
        now: Instant,
        wrong: Mapping[str, float],
        emit: Callable[[Any], None],
    ) -> None:
        """What is bad is told when it is new, and once in each interval; what is well when it was bad.

        How long a wrong one has said only on is remembered at each look.
        """
        bad, was_bad = bool(wrong) or proof.power is not Power.ON, host.lower() in self._bad
        told = self._told.get(host)
        same = told is not None and told.says(proof, wrong)
        old = told is not None and now.monotonic >= told.at + self._interval
        news = (bad or was_bad) and (not same or old)
        kept = self._kept.get(host, {})
        if news:
            self._told[host] = _Told(proof, frozenset(wrong), now.monotonic)
        if news or wrong != kept:
            emit(BmcSeen(host, proof, now, wrong, news=news, listed=counted(wrong) != counted(kept)))
        if wrong:
            self._kept[host] = wrong
        else:
            self._kept.pop(host, None)
        if not bad:
            self._told.pop(host, None)
        self._bad = self._bad | {host.lower()} if bad else self._bad - {host.lower()}

    async def _look_again(self, host: str, after: float) -> Proof | None:
        """So many seconds later, if the host is still up then."""
        await self._clock.sleep(after)
        return await self._look(host) if host in self._hosts(self._clock.now()) else None


def judged(seen: BmcSeen) -> Decision:
    """The verdict on a host's BMCs, which are a subject of their own, and what the next life must know of them."""
    on: dict[str, JSON] = {bmc: round(seconds) for bmc, seconds in seen.wrong.items()}
    kept: Mapping[str, JSON] | None = {"wrong": list(seen.wrong), "on": on} if seen.wrong else None
    commands: tuple[Command, ...] = (Remember(MEMORY + seen.host, kept),)
    if not seen.news:
        return Decision(commands)
    match seen.proof.power if seen.proof is not None else None:
        case None:
            ruling, alarm = Ruling.RECOVERED, False
            why = f"no BMC is named for {seen.host} any more: none is wrong, and none could prove it off"
        case Power.OFF:
            ruling, alarm = Ruling.SUSPECTED, True
            why = (
                f"its BMC says off while {seen.host} is up: it belongs to another host, and is no proof of anything "
                "until it has said only on for a day; correct the power_config_file or the fencing device"
            )
        case Power.ON if seen.wrong:
            ruling, alarm = Ruling.SUSPECTED, True
            why = (
                f"it says on now, but {' and '.join(seen.wrong)} said off while {seen.host} was up: it may belong to "
                "another host that was switched on again, and is no proof of anything before it has said only on for a "
                "day, unless it is named otherwise; correct the power_config_file or the fencing device"
            )
        case Power.ON:
            ruling, alarm, why = Ruling.RECOVERED, False, f"it says that {seen.host} is on, as it is"
        case _:
            ruling, alarm = Ruling.BLIND, True
            why = f"it could prove nothing if {seen.host} failed now; see the evidence"
    evidence = seen.proof.evidence if seen.proof is not None else ""
    verdict = Verdict(f"bmc:{seen.host}", ruling, why, evidence=evidence, alarm=alarm)
    return Decision(commands, (verdict,))


def remembered(memory: Mapping[str, Mapping[str, JSON]]) -> WrongBmcs:
    """By host, the BMCs that were wrong before a restart; what cannot be understood is left out."""
    found: dict[str, Mapping[str, float]] = {}
    for key, kept in memory.items():
        wrong, on = (kept.get("wrong"), kept.get("on")) if key.startswith(MEMORY) else (None, None)
        names = [one for one in wrong if isinstance(one, str)] if isinstance(wrong, list) else []
        if names:
            seconds = on if isinstance(on, dict) else {}
            found[key.removeprefix(MEMORY)] = {one: _seconds(seconds.get(one)) for one in names}
    return found


def _seconds(told: JSON) -> float:
    return float(told) if isinstance(told, int | float) and 0 <= told < _LONGEST else 0.0


def beside(
    decide: Callable[[S, Any, Instant], tuple[S, Decision]],
    ledger: Callable[[S], Mapping[str, LedgerEntry] | None] = lambda state: None,
) -> Callable[[S, Any, Instant], tuple[S, Decision]]:
    """`decide`, with what the rounds have seen judged beside it.

    `ledger`: the open outages that this monitor has written down as the leader, None where it does not lead. They are
    written anew when something else is to be said of BMCs, which whoever writes them adds.
    """

    def both(state: S, seen: Any, now: Instant) -> tuple[S, Decision]:
        if not isinstance(seen, BmcSeen):
            return decide(state, seen, now)
        decision, entries = judged(seen), ledger(state) if seen.listed else None
        return state, decision if entries is None else decision + Decision((WriteLedger(entries),))

    return both
