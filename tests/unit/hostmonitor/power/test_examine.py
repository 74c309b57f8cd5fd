"""What a check says of the BMCs: those that would prove a death, and those that would not."""

import asyncio
from collections.abc import Sequence

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.finding import Finding, Weight
from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Lack
from masakarimonitors.hostmonitor.power.check import Proof
from masakarimonitors.hostmonitor.power.examine import examine
from masakarimonitors.system.clock import SystemClock


def proof(power: Power, evidence: str = "the BMC says so") -> Proof:
    now: Instant = SystemClock().now()
    return Proof(
        power=power, evidence=evidence, at=now, lack=Lack.SILENT if power is Power.NO_PROOF else None
    )


async def found(says: dict[str, Proof | None], own: str = "node01") -> list[Finding]:
    async def look(host: str) -> Proof | None:
        return says[host]

    async def hosts() -> Sequence[str]:
        return list(says)

    return await examine(look, hosts, own)


async def test_bmcs_that_say_on_are_counted() -> None:
    (only,) = await found({f"node{number}": proof(Power.ON) for number in range(20)})
    assert only.weight is Weight.OK and "20 of 20 hosts" in only.text


async def test_one_that_does_not_answer_would_prove_nothing() -> None:
    fine, bad = await found({"node01": proof(Power.ON), "node02": proof(Power.NO_PROOF, "no answer")})
    assert (fine.weight, bad.weight) == (Weight.OK, Weight.FAULT)
    assert "BMC of node02" in bad.text and "no answer" in bad.text


async def test_this_hosts_bmc_that_says_off_is_another_hosts() -> None:
    (bad,) = await found({"node01": proof(Power.OFF)}, own="Node01")
    assert bad.weight is Weight.FAULT and "it is another host's" in bad.text
    (bad,) = await found({"node02": proof(Power.OFF)})
    assert bad.weight is Weight.WARNING and "If that host is up" in bad.text


async def test_where_none_is_known_or_asked() -> None:
    (only,) = await examine(None, None, "node01")
    assert only.weight is Weight.OK
    (only,) = await found({})
    assert only.weight is Weight.WARNING and "power_config_file" in only.text
    (only,) = await found({"node02": None})
    assert only.weight is Weight.WARNING


async def test_a_cluster_engine_that_does_not_tell_whose_there_are() -> None:
    async def hosts() -> Sequence[str]:
        raise RuntimeError("cibadmin failed")

    async def look(host: str) -> Proof | None:
        raise AssertionError

    (bad,) = await examine(look, hosts, "node01")
    assert bad.weight is Weight.FAULT and "cibadmin failed" in bad.text


async def test_a_few_are_asked_at_a_time() -> None:
    running = most = 0

    async def look(host: str) -> Proof | None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return proof(Power.ON)

    async def hosts() -> Sequence[str]:
        return [f"node{number}" for number in range(100)]

    await examine(look, hosts, "own")
    assert most == 8
