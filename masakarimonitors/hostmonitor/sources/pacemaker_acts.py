"""What the core asks of the pacemaker driver: proof of death, and a ledger for a successor.

`CheckPower`: Pacemaker's own fencing is waited for first, because a BMC asked meanwhile says "on"
and soon "off"; then the management controller is asked. `WriteLedger`: multicast to the monitors.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from xml.etree.ElementTree import Element

from masakarimonitors.decisions import Command
from masakarimonitors.hostmonitor.observation import CheckPower, Observation, Power, PowerSeen, WriteLedger
from masakarimonitors.hostmonitor.sources.pacemaker_commands import CannotLook
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import Condition
from masakarimonitors.hostmonitor.sources.pacemaker_office import Ledger
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
"""Seconds; the core waits 120 s for an answer, and the BMC needs some of them."""


class Prover(Protocol):
    """`power.proof.Proof`, or a test's."""

    def learn(self, resources: Element) -> None:
        """Take over where the CIB's fencing devices say that management controllers are."""

    async def prove(self, question: CheckPower) -> PowerSeen:
        """Ask the host's management controllers; NO_PROOF on any error."""


class Acts:
    """The driver's effects."""

    def __init__(
        self,
        clock: Clock,
        insight: Insight,
        *,
        stonith_wait: float,
        prover: Prover | None,
        publish: Callable[[Ledger], None] | None,
        resources: Callable[[], Awaitable[Element]],
    ) -> None:
        """`stonith_wait`: seconds that fencing is given before a management controller is asked.

        `prover` None: nobody is asked (disable_ipmi_check). `publish` None: there is no office here.
        """
        self._clock = clock
        self._insight = insight
        self._stonith_wait = min(stonith_wait, _LONGEST_WAIT)
        self._prover = prover
        self._publish = publish
        self._resources = resources

    async def perform(self, command: Command) -> Observation | None:
        """Carry out one command."""
        if isinstance(command, CheckPower):
            return await self._check(command)
        if isinstance(command, WriteLedger) and self._publish is not None:
            self._publish(command.entries)
        return None

    async def _check(self, question: CheckPower) -> PowerSeen:
        insight = self._insight
        if insight.stonith:
            await self._await_fencing(question.host)
        finding = insight.findings.get(question.host)
        if finding is not None and finding.condition is Condition.DOWN and insight.sighted.is_set():
            return self._answer(question, Power.OFF, finding.evidence)
        if self._prover is not None:
            try:
                self._prover.learn(await self._resources())
            except CannotLook as fault:
                LOG.info("Fencing devices are taken from an earlier reading of the CIB: %s", fault)
            return await self._prover.prove(question)
        if insight.stonith:
            words = finding.evidence if finding is not None else "Pacemaker does not name it"
            why = f"{words}; no management controller is asked (disable_ipmi_check)"
            return self._answer(question, Power.NO_PROOF, why)
        why = "taken as off unchecked: disable_ipmi_check is set and the cluster's fencing is off"
        return self._answer(question, Power.OFF, why)

    def _answer(self, question: CheckPower, power: Power, evidence: str) -> PowerSeen:
        return PowerSeen(question.host, power, evidence, self._clock.now(), answers=question)

    async def _await_fencing(self, host: str) -> None:
        """Until it is fenced, or no longer suspect, or `stonith_wait` seconds after it was first suspected."""
        insight = self._insight
        since = insight.suspect_since.get(host)
        if since is None:
            return
        left = since + self._stonith_wait - self._clock.now().monotonic
        if left <= 0:
            return

        async def decided() -> None:
            async with insight.changed:
                await insight.changed.wait_for(lambda: host not in insight.suspect_since)

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(decided(), left)
