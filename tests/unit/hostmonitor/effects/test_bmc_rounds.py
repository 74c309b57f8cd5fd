"""Rounds among the BMCs of hosts that are up: who is looked at, how often, and what is said of it."""

import asyncio
from collections.abc import Sequence

import pytest

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling
from masakarimonitors.hostmonitor.core.observation import Power, ProofKind
from masakarimonitors.hostmonitor.effects.bmc_rounds import BmcRounds, BmcSeen, beside, judged
from masakarimonitors.hostmonitor.power.bmc import Lack
from masakarimonitors.hostmonitor.power.check import Proof
from tests.fixtures.fake_clock import EPOCH, FakeClock

NOW = Instant(1000.0, EPOCH)
DAY = 86400.0


def proof(power: Power) -> Proof:
    bad = power is Power.NO_PROOF
    return Proof(
        power=power,
        evidence="so it said",
        at=NOW,
        kind=None if bad else ProofKind.BMC,
        lack=Lack.FAULT if bad else None,
    )


class Stage:
    """Hosts that are up, what their BMCs say (the last word stays), and what was emitted."""

    def __init__(self, **bmcs: list[Power | None]) -> None:
        self.clock = FakeClock()
        self.bmcs = bmcs
        self.up = sorted(bmcs)
        self.looked: list[tuple[float, str]] = []
        self.seen: list[BmcSeen] = []
        self.noted: list[tuple[str, Power]] = []
        self.goes_down_when_looked_at = ""

    async def look(self, host: str) -> Proof | None:
        self.looked.append((self.clock.now().monotonic - 1000.0, host))
        words = self.bmcs[host]
        word = words.pop(0) if len(words) > 1 else words[0]
        if host == self.goes_down_when_looked_at:
            self.up.remove(host)
            self.goes_down_when_looked_at = ""
        return None if word is None else proof(word)

    def hosts(self, now: Instant) -> Sequence[str]:
        return self.up

    async def play(self, seconds: float, interval: float = DAY) -> None:
        rounds = BmcRounds(
            self.look, self.hosts, self.clock, interval, note=lambda *said: self.noted.append(said)
        )
        running = asyncio.get_running_loop().create_task(rounds.run(self.seen.append))
        await self.clock.advance(seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_one_host_a_minute_and_each_once_a_day() -> None:
    stage = Stage(n1=[Power.ON], n2=[Power.ON], n3=[Power.ON])
    await stage.play(3 * 60.0)
    assert stage.looked == [(60.0, "n1"), (120.0, "n2"), (180.0, "n3")]
    await_a_day = Stage(n1=[Power.ON], n2=[Power.ON])
    await await_a_day.play(DAY + 121.0)
    assert [host for _, host in await_a_day.looked] == ["n1", "n2", "n1", "n2"]
    assert await_a_day.looked[2][0] >= DAY
    assert not stage.seen


async def test_hosts_that_are_not_ours_to_look_at_are_left_alone() -> None:
    stage = Stage(n1=[Power.ON])
    stage.up = []
    await stage.play(DAY)
    assert stage.looked == []


@pytest.mark.parametrize("word", [Power.OFF, Power.NO_PROOF])
async def test_what_does_not_say_on_is_looked_at_again_before_it_is_told(word: Power) -> None:
    stage = Stage(n1=[word, word])
    await stage.play(71.0)
    assert stage.looked == [(60.0, "n1"), (70.0, "n1")]
    assert [(one.host, one.proof.power) for one in stage.seen] == [("n1", word)]
    passing = Stage(n1=[word, Power.ON])
    await passing.play(71.0)
    assert passing.seen == []


async def test_a_host_that_fails_meanwhile_is_no_wrong_mapping() -> None:
    stage = Stage(n1=[Power.OFF])
    stage.goes_down_when_looked_at = "n1"
    await stage.play(3600.0)
    assert stage.looked and stage.seen == [] and stage.noted == []


async def test_a_host_without_a_bmc_is_no_alarm() -> None:
    stage = Stage(n1=[None])
    await stage.play(3600.0)
    assert len(stage.looked) == 1 and stage.seen == []


async def test_what_is_mended_is_told_once_and_what_is_not_again_and_again() -> None:
    stage = Stage(n1=[Power.OFF, Power.OFF, Power.OFF, Power.OFF, Power.ON])
    await stage.play(4 * DAY + 600.0)
    assert [one.proof.power for one in stage.seen] == [Power.OFF, Power.OFF, Power.ON]
    assert stage.noted[:3] == [("n1", Power.OFF), ("n1", Power.OFF), ("n1", Power.ON)]


@pytest.mark.parametrize(
    ("power", "ruling", "alarm", "words"),
    [
        (Power.OFF, Ruling.SUSPECTED, True, "says off while n1 is up: it belongs to another host"),
        (Power.NO_PROOF, Ruling.BLIND, True, "could prove nothing if n1 failed now"),
        (Power.ON, Ruling.RECOVERED, False, "n1 is on, as it is"),
    ],
)
def test_the_verdict_on_a_bmc(power: Power, ruling: Ruling, alarm: bool, words: str) -> None:
    decision = judged(BmcSeen("n1", proof(power), NOW))
    (verdict,) = decision.verdicts
    assert decision.commands == ()
    assert (verdict.subject, verdict.ruling, verdict.alarm) == ("bmc:n1", ruling, alarm)
    assert words in verdict.why and verdict.evidence == "so it said"


def test_the_core_never_hears_of_it_and_hears_everything_else() -> None:
    heard: list[object] = []

    def decide(state: int, seen: object, now: Instant) -> tuple[int, Decision]:
        heard.append(seen)
        return state + 1, NOTHING

    both = beside(decide)
    state, decision = both(1, BmcSeen("n1", proof(Power.OFF), NOW), NOW)
    assert (state, heard) == (1, []) and decision.verdicts
    assert both(1, "a sample", NOW) == (2, NOTHING)
    assert heard == ["a sample"]
