"""What `masakari-monitors check --bmc` asks BMCs: would each one prove its host's death?

In: how one host's BMCs are looked at, and which hosts have any. Out: one finding for all that say on, and one for each
host whose BMC would prove nothing, or the wrong thing. A few are asked at a time, each host's once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from masakarimonitors.core.finding import Finding, fault, ok, warning
from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.check import Proof
from masakarimonitors.system.tasks import side_by_side

_AT_ONCE = 8
"""Hosts at a time: the management network hardly notices."""


async def examine(
    look: Callable[[str], Awaitable[Proof | None]] | None,
    hosts: Callable[[], Awaitable[Sequence[str]]] | None,
    own: str,
) -> list[Finding]:
    """Everything in order, or what is not; `own` is this host, which is certainly up."""
    if look is None or hosts is None:
        return [ok("BMCs: none is asked here (no [host] power_config_file, or disable_ipmi_check)")]
    try:
        names = await hosts()
    except Exception as error:  # noqa: BLE001 - each cluster engine has a fault of its own, written for an operator
        return [fault(f"BMCs: it cannot be found out whose there are: {error}")]
    if not names:
        return [
            warning(
                "BMCs: none is known, so no host's death could be proven by one. Name them with [host] "
                "power_config_file, or turn disable_ipmi_check on"
            )
        ]
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(host: str) -> tuple[str, Proof | None]:
        async with free:
            return host, await look(host)

    seen = await side_by_side([one(host) for host in names])
    on = [host for host, proof in seen if proof is not None and proof.power is Power.ON]
    found = [ok(f"BMCs: {len(on)} of {len(names)} hosts have BMCs that answer, and say on")] if on else []
    return found + [
        _wrong(host, proof, own) for host, proof in seen if proof is None or proof.power is not Power.ON
    ]


def _wrong(host: str, proof: Proof | None, own: str) -> Finding:
    if proof is None:
        return warning(f"BMC of {host}: it is known no more")
    if proof.power is not Power.OFF:
        return fault(
            f"BMC of {host}: it proves nothing: {proof.evidence}. If that host failed now, its death could not be "
            "proven. Correct its address or login in the power_config_file or the fencing device, or mend the BMC"
        )
    if host == own.lower():
        return fault(
            f"BMC of {host}: it says off, and this host runs: it is another host's, whose death would be taken for "
            f"this one's ({proof.evidence}). Correct the power_config_file or the fencing device"
        )
    return warning(
        f"BMC of {host}: it says off ({proof.evidence}). If that host is up, the BMC is another host's, and would "
        "prove it dead while it runs: correct the power_config_file or the fencing device"
    )
