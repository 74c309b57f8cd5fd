"""The rounds among BMCs in the real daemon: an alarm about a BMC, beside the judging of its host."""

import asyncio
import logging
from pathlib import Path

import pytest

from masakarimonitors import conf as options
from masakarimonitors.cmd.wiring import wire
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core import matrix
from masakarimonitors.hostmonitor.core.observation import Membership, Power, ProofKind
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.hostmonitor.power.check import Proof
from masakarimonitors.outbox.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.unit.hostmonitor.test_monitor_running import Script


async def test_a_bmc_of_another_host_is_an_alarm_before_a_host_fails_and_accuses_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock, api = FakeClock(), FakeApi()
    (tmp_path / "x.conf").write_text("[DEFAULT]\nhostname = node01\n[host]\nsegment_lookup = false\n")
    source = Script(clock)

    async def look(host: str) -> Proof:
        words = f"fence-{host}: BMC 10.0.0.7 says power off"
        return Proof(power=Power.OFF, evidence=words, at=clock.now(), kind=ProofKind.BMC)

    noted: list[tuple[str, Power]] = []
    driver = Driver(
        name="test",
        matrix=matrix.single("cluster"),
        sources=(source,),
        look_at_power=look,
        note_power=lambda *said: noted.append(said),
    )
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    conf = options.load(["--config-file", str(tmp_path / "x.conf")])
    wired = wire(wiring.wire(conf, driver, {}, clock, api), outbox, api, DeliveryPolicy(), clock)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon)]
        await settle()
        await source.sees(node05=Membership.UP)
        await clock.advance(71.0)
        for task in running:
            task.cancel()
    await outbox.close()
    assert "its BMC says off while node05 is up: it belongs to another host" in caplog.text
    assert "fence-node05: BMC 10.0.0.7 says power off" in caplog.text
    assert api.offers == []
    assert noted == [("node05", Power.OFF)], "whoever would ask it for proof knows"
