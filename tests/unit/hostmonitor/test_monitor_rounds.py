"""The rounds among BMCs in the real daemon: an alarm about a BMC, beside the judging of its host."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from masakarimonitors import conf as options
from masakarimonitors.cmd.wiring import wire
from masakarimonitors.core.decision import JSON, Command
from masakarimonitors.hostmonitor import monitor as wiring
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, WrongBmcs, outages, wrong_bmcs
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    Power,
    ProofKind,
    WriteLedger,
)
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.hostmonitor.effects.bmc_rounds import MISSED_WITHIN
from masakarimonitors.hostmonitor.power.check import LOOKS_APART, Proof
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock, settle
from tests.unit.hostmonitor.test_monitor_running import Script

Memory = Mapping[str, Mapping[str, JSON]]


class Stage:
    """One life of a monitor whose BMC of node05 says `word`: what was noted, recalled and remembered."""

    def __init__(self, folder: Path, word: Power, memory: Memory, options_of_host: str = "") -> None:
        self.clock, self.api = FakeClock(), FakeApi()
        self.word = word
        self.noted: list[tuple[str, Power]] = []
        self.recalled: list[Mapping[str, Mapping[str, float]]] = []
        self.wrong: dict[str, Mapping[str, float]] = {}
        self.source = Script(self.clock)
        path = folder / "x.conf"
        path.write_text("[DEFAULT]\nhostname = node01\n[host]\nsegment_lookup = false\n" + options_of_host)
        self.conf = options.load(["--config-file", str(path)])
        self.memory = memory
        self.ledgers: list[Mapping[str, LedgerEntry]] = []
        self.heard: list[tuple[WrongBmcs, bool]] = []

    async def perform(self, command: Command) -> None:
        if isinstance(command, WriteLedger):
            self.ledgers.append(command.entries)

    async def look(self, host: str) -> Proof:
        words = f"fence-{host}: BMC 10.0.0.7 says power {self.word.value}"
        return Proof(power=self.word, evidence=words, at=self.clock.now(), kind=ProofKind.BMC)

    def note(self, host: str, said: Power) -> Mapping[str, float]:
        self.noted.append((host, said))
        self.wrong = {host: {"ipmi 10.0.0.7:623": 0.0}} if said is Power.OFF else {}
        return self.wrong.get(host, {})

    def recall(self, wrong: Mapping[str, Mapping[str, float]]) -> None:
        self.recalled.append(wrong)
        self.wrong = dict(wrong)

    async def play(self, seconds: float, word: Leader | Follower | None = None) -> Memory:
        """What it remembers in the end; `word`: of an election, where there is one."""
        driver = Driver(
            name="test",
            matrix=matrix.single("cluster"),
            sources=(self.source,),
            look_at_power=self.look,
            note_power=self.note,
            recall_power=self.recall,
            wrong_power=lambda: self.wrong,
            hear_power=lambda wrong, leads: self.heard.append((wrong, leads)),
            effects=self,
            elected=word is not None,
        )
        outbox = Outbox(MemoryStore(), self.clock)
        await outbox.open()
        monitor = wiring.wire(self.conf, driver, self.memory, self.clock, self.api)
        wired = wire(monitor, outbox, self.api, DeliveryPolicy(), self.clock)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon)]
            await settle()
            if word is not None:
                await self.source.says(word)
            await self.source.sees(node05=Membership.UP)
            await self.clock.advance(seconds)
            for task in running:
                task.cancel()
        await outbox.close()
        return outbox.memory


WRONG = {"node05": {"ipmi 10.0.0.7:623": 0.0}}
NOW = FakeClock().now()


async def test_the_next_reporter_knows_it_by_the_ledger(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Power.OFF, {})
    await stage.play(SEEN, Leader(why="it holds the lock", at=NOW, ledger={}))
    assert stage.heard == [({}, True)]
    assert [wrong_bmcs(ledger) for ledger in stage.ledgers] == [{}, WRONG]
    assert outages(stage.ledgers[-1]) == {}
    after = Stage(tmp_path, Power.OFF, {})
    await after.play(10.0, Leader(why="it holds the lock", at=NOW, ledger=stage.ledgers[-1]))
    assert after.heard == [(WRONG, True)]
    other = Stage(tmp_path, Power.OFF, {})
    await other.play(10.0, Follower(leader="node01", why="", at=NOW, ledger=stage.ledgers[-1]))
    assert other.heard == [(WRONG, False)] and other.ledgers == []


SEEN = 60.0 + LOOKS_APART + MISSED_WITHIN + 1.0


async def test_a_bmc_of_another_host_is_an_alarm_before_a_host_fails_and_accuses_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage(tmp_path, Power.OFF, {})
    await stage.play(SEEN)
    assert "its BMC says off while node05 is up: it belongs to another host" in caplog.text
    assert "fence-node05: BMC 10.0.0.7 says power off" in caplog.text
    assert stage.api.offers == []
    assert stage.noted == [("node05", Power.OFF)], "whoever would ask it for proof knows"


async def test_the_next_life_knows_it_until_it_says_on(tmp_path: Path) -> None:
    kept = await Stage(tmp_path, Power.OFF, {}).play(SEEN)
    assert kept["bmc:node05"] == {"wrong": ["ipmi 10.0.0.7:623"], "on": {"ipmi 10.0.0.7:623": 0}}
    still = Stage(tmp_path, Power.OFF, kept)
    kept = await still.play(30.0)
    assert still.recalled == [{"node05": {"ipmi 10.0.0.7:623": 0.0}}] and still.noted == []
    mended = Stage(tmp_path, Power.ON, kept)
    assert "bmc:node05" not in await mended.play(SEEN)


async def test_one_that_was_wrong_is_looked_at_until_it_is_right_though_the_others_are_not_any_more(
    tmp_path: Path,
) -> None:
    kept = await Stage(tmp_path, Power.OFF, {}).play(SEEN)
    turned_off = "power_check_interval = 0\n"
    mended = Stage(tmp_path, Power.ON, kept, turned_off)
    assert "bmc:node05" not in await mended.play(SEEN)
    assert mended.noted == [("node05", Power.ON)], "and not again"
    other = Stage(tmp_path, Power.ON, {"bmc:node07": {"wrong": ["ipmi 10.0.0.8:623"]}}, turned_off)
    await other.play(SEEN)
    assert other.noted == []
