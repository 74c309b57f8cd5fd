"""The effects: what the core asks of the driver, proof of death and a ledger for the next leader.

`CheckPower`: Pacemaker's own fencing is waited for first, because a BMC asked meanwhile says "on"
and soon "off"; then the BMC is asked. A host that the newest look does not miss is never called off.
`WriteLedger`: sent to all monitors.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from masakarimonitors.core.decision import Command, Instant
from masakarimonitors.hostmonitor.core.observation import (
    CheckPower,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    WriteLedger,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import Ledger
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import FencingDevices
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import FRESH
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook
from masakarimonitors.hostmonitor.power.bmc import Address
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

_RENEWED_AFTER = 60.0
"""Seconds after which a fencing is old enough that its BMC is asked as well: the core relies on a proof for 240 s."""

_LONGEST_WAIT = 60.0
"""Seconds; the core waits 120 s for an answer, and the BMC needs some of them."""


class Prover(Protocol):
    """`power.prover.Prover`, or a test's."""

    def learn(self, addresses: Mapping[str, Sequence[Address]]) -> None:
        """Take over where the CIB's fencing devices say that BMCs are."""

    async def prove(self, request: CheckPower) -> PowerSeen:
        """Ask the host's BMCs; NO_PROOF on any error."""


class Effects:
    """The driver's effects."""

    def __init__(
        self,
        clock: Clock,
        context: DriverContext,
        *,
        stonith_wait: float,
        prover: Prover | None,
        publish: Callable[[Ledger], None] | None,
        fencing_devices: Callable[[], Awaitable[FencingDevices]],
    ) -> None:
        """`stonith_wait`: seconds that fencing is given before a BMC is asked.

        `prover` None: nobody is asked (disable_ipmi_check). `publish` None: there is no election here.
        """
        self._clock = clock
        self._context = context
        self._stonith_wait = min(stonith_wait, _LONGEST_WAIT)
        self._prover = prover
        self._publish = publish
        self._fencing_devices = fencing_devices
        self._remarks: tuple[str, ...] = ()

    async def perform(self, command: Command) -> Observation | None:
        """Carry out one command."""
        if isinstance(command, CheckPower):
            return await self._check(command)
        if isinstance(command, WriteLedger) and self._publish is not None:
            self._publish(command.entries)
        return None

    async def _check(self, request: CheckPower) -> PowerSeen:
        """What the newest finding justifies, and nothing else: only a host that is missing may be called off."""
        context = self._context
        if context.sighted.is_set() and context.stonith:
            await self._await_fencing(request.host)
        if not context.sighted.is_set():
            return self._no_proof(request, f"this monitor does not see the cluster: {context.why_blind}")
        finding = context.findings.get(request.host)
        if finding is not None and finding.condition is Condition.DOWN:
            return await self._fenced(request, finding)
        if finding is not None and finding.condition is not Condition.SUSPECT:
            return self._no_proof(
                request, f"Pacemaker calls it {finding.condition.value}: {finding.evidence}"
            )
        asked = await self._ask_bmc(request, finding)
        return asked if finding is None or asked.power is not Power.NO_PROOF else self._assume(finding, asked)

    async def _fenced(self, request: CheckPower, finding: Finding) -> PowerSeen:
        """The fencing is the proof; when its age nears its end, a BMC that says off renews it.

        Once it is too old to prove anything (a silence or planned work has held the report), nothing but a BMC does,
        and where none answers it is as with a fencing that was found old: off, as nobody has checked since.
        """
        at = finding.fenced_at
        fenced = self._answer(request, Power.OFF, finding.evidence, ProofKind.FENCED, at)
        now = self._clock.now()
        if at is None or now.monotonic < at.old_at(_RENEWED_AFTER, now):
            return fenced
        asked = await self._ask_bmc(request, finding)
        # After an order to switch off, "on" means that somebody switched it on since; after a reset it means nothing.
        if asked.power is Power.OFF or (asked.power is Power.ON and finding.switched_off):
            return asked
        now = self._clock.now()
        return fenced if now.monotonic < at.old_at(FRESH, now) else self._assume(finding, asked)

    async def _ask_bmc(self, request: CheckPower, finding: Finding | None) -> PowerSeen:
        if self._prover is not None:
            await self._learn(self._prover)
            return await self._prover.prove(request)
        words = finding.evidence if finding is not None else "Pacemaker does not name it"
        return self._no_proof(request, f"{words}; no management controller is asked (disable_ipmi_check)")

    def _assume(self, finding: Finding, asked: PowerSeen) -> PowerSeen:
        """Nobody could say; what is left is what the operator, or an order to switch off, lets us assume."""
        request = asked.in_reply_to
        assert request is not None
        if finding.switched_off:
            why = f"{asked.evidence}; switched off by Pacemaker and not seen since, taken as still off unchecked"
            return self._answer(request, Power.OFF, why, ProofKind.UNCHECKED)
        if self._prover is None and not self._context.stonith:
            why = f"{finding.evidence}; taken as off unchecked (disable_ipmi_check)"
            return self._answer(request, Power.OFF, why, ProofKind.UNCHECKED)
        return asked

    def _no_proof(self, request: CheckPower, evidence: str) -> PowerSeen:
        return self._answer(request, Power.NO_PROOF, evidence)

    def _answer(
        self,
        request: CheckPower,
        power: Power,
        evidence: str,
        kind: ProofKind | None = None,
        at: Instant | None = None,
    ) -> PowerSeen:
        return PowerSeen(
            host=request.host,
            power=power,
            evidence=evidence,
            at=at or self._clock.now(),
            in_reply_to=request,
            kind=kind,
        )

    async def _learn(self, prover: Prover) -> None:
        """Tell it where the CIB's fencing devices say that BMCs are; remarks are logged when they change."""
        try:
            devices = await self._fencing_devices()
        except CannotLook as fault:
            LOG.info("Fencing devices are taken from an earlier reading of the CIB: %s", fault)
            return
        prover.learn(devices.by_host)
        before, self._remarks = self._remarks, devices.remarks
        for remark in devices.remarks:
            if remark not in before:
                LOG.warning("A fencing device proves nothing by its BMC: %s", remark)

    async def _await_fencing(self, host: str) -> None:
        """Until it is fenced, or no longer suspect, or `stonith_wait` seconds after it was first suspected."""
        context = self._context
        since, finding = context.suspect_since.get(host), context.findings.get(host)
        if since is None or finding is None or not finding.passing:
            return
        left = since + self._stonith_wait - self._clock.now().monotonic
        if left <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left), context.changed:
                await context.changed.wait_for(lambda: host not in context.suspect_since)
