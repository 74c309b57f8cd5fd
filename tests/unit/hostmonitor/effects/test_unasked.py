"""The driver of a shadow: its eyes alone, and what the cluster engine itself has proven."""

from typing import Any

import pytest

from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import (
    CheckPower,
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    WriteLedger,
)
from masakarimonitors.hostmonitor.drivers.base import Driver
from masakarimonitors.hostmonitor.effects.unasked import Unasked, unasked
from tests.fixtures.fake_clock import FakeClock

ASK = CheckPower("node05", 1, 7)


class Engine:
    def __init__(self, kind: ProofKind | None) -> None:
        self.kind = kind
        self.asked: list[Command] = []

    async def perform(self, command: Command) -> Observation | None:
        self.asked.append(command)
        power = Power.NO_PROOF if self.kind is None else Power.OFF
        return PowerSeen(
            host="node05",
            power=power,
            evidence="engine",
            at=FakeClock().now(),
            in_reply_to=ASK,
            kind=self.kind,
        )


async def test_a_fencing_is_proof_and_a_bmc_is_not_asked() -> None:
    clock = FakeClock()
    fenced = await Unasked(Engine(ProofKind.FENCED), clock, asks_bmc=True).perform(ASK)
    assert isinstance(fenced, PowerSeen) and fenced.power is Power.OFF
    for engine in (Engine(None), Engine(ProofKind.UNCHECKED), Engine(ProofKind.BMC), None):
        seen = await Unasked(engine, clock, asks_bmc=True).perform(ASK)
        assert isinstance(seen, PowerSeen) and seen.power is Power.NO_PROOF and seen.in_reply_to == ASK
        assert seen.evidence == "not asked in shadow: its BMC would be asked"


async def test_where_no_monitor_would_ask_a_bmc_the_engine_s_word_stands() -> None:
    seen = await Unasked(Engine(ProofKind.UNCHECKED), FakeClock(), asks_bmc=False).perform(ASK)
    assert isinstance(seen, PowerSeen) and seen.kind is ProofKind.UNCHECKED


async def test_no_ledger_reaches_the_driver() -> None:
    engine = Engine(None)
    assert await Unasked(engine, FakeClock(), asks_bmc=True).perform(WriteLedger({})) is None
    assert engine.asked == []


def driver(**more: Any) -> Driver:
    return Driver(**{"name": "test", "matrix": matrix.single("cluster"), "sources": (), **more})


def test_only_the_eyes_are_taken_over() -> None:
    acts: list[object] = []
    made = unasked(
        driver(
            note_power=lambda *told: acts.append(told), on_path=acts.append, hear_power=lambda *told: None
        ),
        FakeClock(),
        asks_bmc=True,
        needs_proof=True,
    )
    made.on_path(True)
    made.note_power("node05", Power.ON)
    assert made.needs_proof and not made.elected and isinstance(made.effects, Unasked) and acts == []


@pytest.mark.parametrize(
    "acting", [{"elected": True}, {"share_silences": object()}, {"look_at_power": object()}]
)
def test_a_driver_that_was_built_to_act_is_refused(acting: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match="built to act"):
        unasked(driver(**acting), FakeClock(), asks_bmc=True, needs_proof=True)
