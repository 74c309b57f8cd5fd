"""One sender among all monitors: a Lease of coordination.k8s.io elects it.

Out: `Office`. The holder renews the Lease; one that has not been renewed for its duration, by the
observer's own clock, may be taken. The ledger of what was reported hangs on it as an annotation, so
a successor reads it with the same answer that gives it the office.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from masakarimonitors.decisions import Command
from masakarimonitors.hostmonitor.ledger import write_ledger
from masakarimonitors.hostmonitor.observation import LedgerEntry, Observation, Office, WriteLedger
from masakarimonitors.hostmonitor.office import Herald
from masakarimonitors.hostmonitor.sources.kubernetes_api import Account, Api, ApiFault
from masakarimonitors.hostmonitor.sources.kubernetes_reading import (
    LeaseSeen,
    may_take,
    read_lease,
    write_lease,
)
from masakarimonitors.system.clock import Clock, pause

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """All in seconds: the figures of Kubernetes' own leader election (client-go: 15, 10, 2).

    `duration`: unrenewed for so long, the office is free. `deadline`: a holder that could not renew for
    so long stops reporting, before another may begin. `renew`: between two renewals. `refused`: until an
    account that may not use Leases asks again.
    """

    duration: int = 15
    deadline: float = 10.0
    renew: float = 4.0
    patience: float = 3.0
    refused: float = 60.0


class LeaseOffice:
    """The source of `Office`, and the hand that writes the ledger."""

    name = "kubernetes reporter election"

    def __init__(
        self, account: Account, namespace: str, lease: str, own: str, clock: Clock, terms: Terms
    ) -> None:
        """`own` is this host's name; nothing is opened before `run`."""
        self._account = account
        self._namespace = namespace
        self._name = lease
        self._own = own
        self._clock = clock
        self._terms = terms
        self._herald = Herald(clock)
        self._term = ""
        self._changed = 0.0
        self._renewed = 0.0
        self._unwritten: Mapping[str, LedgerEntry] | None = None
        self._news = asyncio.Event()

    async def perform(self, command: Command) -> Observation | None:
        """Answer `WriteLedger`: the newest ledger is kept until it is written, or somebody else reports."""
        if isinstance(command, WriteLedger):
            self._unwritten = command.entries
            self._news.set()
        return None

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled; then the office is handed over at once."""
        self._herald.begin(emit)
        while True:
            wait = self._terms.renew
            try:
                async with Api(self._account) as api:
                    try:
                        while True:
                            await self._turn(api)
                            await pause(self._clock, self._terms.renew, self._news)
                    except asyncio.CancelledError:
                        await self._hand_over(api)
                        raise
            except ApiFault as fault:
                if fault.status == 403:
                    self._herald.everyone(f"this account may not use Leases in {self._namespace}: {fault}")
                    wait = self._terms.refused
                else:
                    self._lost(str(fault))
            await self._clock.sleep(wait)

    async def _turn(self, api: Api) -> None:
        body = await api.read_lease(self._namespace, self._name, self._terms.patience)
        seen = None if body is None else read_lease(body)
        now = self._clock.now()
        if seen is not None and seen.term != self._term:
            self._term, self._changed = seen.term, now.monotonic
        if seen is not None and not may_take(seen, self._own, now.monotonic - self._changed):
            self._herald.say(Office(False, seen.holder, f"{seen.holder} holds the Lease", now, seen.ledger))
            self._unwritten = None
            return
        unwritten = self._unwritten if self._herald.mine else None
        ledger = None if unwritten is None else write_ledger(unwritten).decode()
        wanted = write_lease(seen, self._name, self._own, now.wall, self._terms.duration, ledger)
        try:
            held = read_lease(await api.write_lease(self._namespace, wanted, self._terms.patience))
        except ApiFault as fault:
            if fault.status != 409:
                raise
            # Somebody else was quicker: who it is, the next look says.
            self._news.set()
            return
        self._renewed = now.monotonic
        self._term, self._changed = held.term, now.monotonic
        if self._unwritten is unwritten:
            self._unwritten = None
        self._herald.say(Office(True, self._own, "this node holds the Lease", self._clock.now(), held.ledger))

    async def _hand_over(self, api: Api) -> None:
        """At a clean stop another monitor may hold the office moments later."""
        if not self._herald.mine:
            return
        with contextlib.suppress(ApiFault, TimeoutError):
            async with asyncio.timeout(0.5):
                body = await api.read_lease(self._namespace, self._name, 0.5)
                seen: LeaseSeen | None = None if body is None else read_lease(body)
                if seen is not None and seen.holder == self._own:
                    free = write_lease(seen, self._name, "", self._clock.now().wall, 1, None)
                    await api.write_lease(self._namespace, free, 0.5)

    def _lost(self, why: str) -> None:
        now = self._clock.now()
        if self._herald.said is None or (
            self._herald.mine and now.monotonic - self._renewed > self._terms.deadline
        ):
            # Once we hold the office again it is the core that says what is open then.
            self._unwritten = None
            self._herald.say(Office(False, "nobody known", f"the Lease cannot be reached: {why}", now))
