"""One call of `decide`: local scratch that starts as the old state and ends as the next one.

Only `decision.py`, `noting.py` and `gates.py` write to a turn, and nothing of it outlives the
call, so `decide` is pure. `finish` derives what follows from the changes: what to remember, the
ledger, the one alarm.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from masakarimonitors.decisions import Command, Decision, Instant, Remember, Ruling, Verdict, WakeAt
from masakarimonitors.hostmonitor import words
from masakarimonitors.hostmonitor.links import counts_as
from masakarimonitors.hostmonitor.observation import EVERYONE, LedgerEntry, Link, Power, WriteLedger
from masakarimonitors.hostmonitor.outage import MEMORY, HostState, memo, newcomer
from masakarimonitors.hostmonitor.state import Policy, State

ALARM = "hosts"
"""The one wake-up that the core sets: whatever is due then is looked at."""


class Turn:
    """The scratch. `touched`: hosts to judge; `everyone`: all troubled ones again; `announced`: our own return."""

    def __init__(self, policy: Policy, state: State, now: Instant) -> None:
        """Copies what may change; one dictionary of all hosts is the largest copy."""
        self.policy = policy
        self.matrix = policy.matrix
        self.old = state
        self.now = now
        self.t = now.monotonic
        self.hosts = dict(state.hosts)
        self.views = dict(state.views)
        self.agenda = dict(state.agenda)
        self.storms = dict(state.storms)
        self.maintenance = dict(state.maintenance)
        self.office = state.office
        self.ledger = state.ledger
        self.registered = state.registered
        self.asked = state.asked
        self.tickets = state.tickets
        self.touched: set[str] = {host for host, at in state.agenda.items() if at <= self.t}
        self.everyone = False
        self.announced = False
        self.commands: list[Command] = []
        self.verdicts: list[Verdict] = []

    # -- reading ------------------------------------------------------------------------------

    def host(self, name: str) -> HostState:
        """The host as it stands now; a newcomer if nothing is known of it."""
        return self.hosts.get(name) or newcomer(len(self.matrix.sequence))

    def needed(self, state: HostState) -> int:
        """How many samples make a value firm: a fenced host is dead, more of them only lose time."""
        return 1 if state.power is Power.OFF else self.policy.samples

    def values(self, state: HostState) -> tuple[Link, ...]:
        """What a judgement may use, one value per link."""
        needed = self.needed(state)
        return tuple(
            counts_as(link, self.views[name].lives(self.t), needed)
            for name, link in zip(self.matrix.sequence, state.links, strict=True)
        )

    def standing(self, state: HostState) -> tuple[Link, ...]:
        """What a judgement would use if every link were seen."""
        needed = self.needed(state)
        return tuple(counts_as(link, True, needed) for link in state.links)

    def mine(self) -> bool:
        """Whether this monitor reports."""
        return not self.policy.elected or (self.office is not None and self.office.mine)

    def keeps_ledger(self) -> bool:
        """Whether this monitor alone holds the office, and so writes the ledger."""
        office = self.office
        return self.policy.elected and office is not None and office.mine and office.holder != EVERYONE

    def troubled(self) -> set[str]:
        """Every host that may need a look: those troubled before, and those touched now."""
        return {name for name in self.old.troubled | self.touched if name in self.hosts}

    # -- writing ------------------------------------------------------------------------------

    def put(self, name: str, state: HostState) -> None:
        """The host as it stands from now on."""
        self.hosts[name] = state
        self.touched.add(name)

    def forget(self, name: str) -> None:
        """The host is no longer ours."""
        self.hosts.pop(name, None)
        self.agenda.pop(name, None)
        self.touched.add(name)

    def remind(self, name: str, at: float) -> None:
        """Judge the host again at monotonic second `at`, or earlier."""
        self.agenda[name] = min(at, self.agenda.get(name, math.inf))
        self.touched.add(name)

    def tell(self, subject: str, ruling: Ruling, why: str, evidence: str = "", alarm: bool = False) -> None:
        """A verdict that is about more than one host, or always news."""
        self.verdicts.append(Verdict(subject, ruling, why, evidence, alarm))

    def say(self, name: str, key: str, ruling: Ruling, why: str, alarm: bool = False) -> None:
        """A verdict about a host, unless it was the last one told (`key` is the same)."""
        state = self.hosts[name]
        if state.said != key:
            self.put(name, replace(state, said=key))
            self.tell(f"host:{name}", ruling, why, words.evidence(self.matrix.sequence, state), alarm)

    # -- the end ------------------------------------------------------------------------------

    def finish(self, woken: bool) -> tuple[State, Decision]:
        """The next state and the decision; `woken`: the alarm that was set has gone off."""
        for name in self.touched:
            self._remember(name)
        troubled = frozenset(name for name in self.troubled() if self._is_troubled(self.hosts[name]))
        ledger = self._keep_ledger(troubled)
        wake_at = self._set_alarm(None if woken else self.old.wake_at)
        state = State(
            hosts=self.hosts,
            views=self.views,
            troubled=troubled,
            agenda=self.agenda,
            wake_at=wake_at,
            office=self.office,
            ledger=ledger,
            storms=self.storms,
            registered=self.registered,
            asked=self.asked,
            tickets=self.tickets,
            maintenance=self.maintenance,
        )
        return state, Decision(tuple(self.commands), tuple(self.verdicts))

    def _remember(self, name: str) -> None:
        old, new = self.old.hosts.get(name), self.hosts.get(name)
        before = memo(old, self.matrix.sequence) if old is not None else None
        after = memo(new, self.matrix.sequence) if new is not None else None
        if before != after:
            self.commands.append(Remember(MEMORY + name, after))

    def _is_troubled(self, state: HostState) -> bool:
        return bool(state.outage or state.said or not state.known_up) or any(
            link.value is not Link.UP or not link.streak.firm(self.policy.samples) for link in state.links
        )

    def _keep_ledger(self, troubled: Iterable[str]) -> Mapping[str, LedgerEntry]:
        if not self.keeps_ledger():
            return self.ledger
        entries = {own: self.ledger[own]} if (own := self.policy.own) in self.ledger else {}
        if self.announced:
            entries.pop(own, None)
        for name in troubled:
            outage = self.hosts[name].outage
            entry = outage.entry if outage is not None else None
            if entry is not None:
                entries[name] = entry
        if entries != self.ledger:
            self.commands.append(WriteLedger(entries))
        return entries

    def _set_alarm(self, current: float | None) -> float | None:
        times = list(self.agenda.values())
        times += [view.until for view in self.views.values() if view.live and view.until < math.inf]
        times += [storm.quiet_since + self.policy.guard.hold for storm in self.storms.values()]
        limit = self.policy.maintenance_warning
        times += [kept.since + limit for kept in self.maintenance.values() if not kept.warned]
        wanted = min(times, default=None)
        # A proof that is renewed every second only moves the alarm later: it is left where it is,
        # finds nothing due, and is set anew.
        if wanted is None or (current is not None and current <= wanted):
            return current
        self.commands.append(WakeAt(ALARM, wanted))
        return wanted
