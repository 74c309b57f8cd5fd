"""Rounds among the BMCs of hosts that are up: who is looked at, how often, and what is said of it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from masakarimonitors.core.decision import JSON, NOTHING, Decision, Instant, Remember, Ruling
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import COUNTED_IN, LedgerEntry, WrongBmcs
from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, ProofKind, WriteLedger
from masakarimonitors.hostmonitor.effects.bmc_rounds import (
    AGAIN,
    MISSED_WITHIN,
    WRONG_AGAIN,
    BmcRounds,
    BmcSeen,
    beside,
    judged,
    remembered,
)
from masakarimonitors.hostmonitor.power import prover as power
from masakarimonitors.hostmonitor.power.bmc import Address, Lack, Literal, Reading, Speaks
from masakarimonitors.hostmonitor.power.check import LOOKS_APART, Proof
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


def said(seen: BmcSeen) -> Power | None:
    return None if seen.proof is None else seen.proof.power


class Stage:
    """Hosts that are up, what their BMCs say (the last word stays), and what was emitted."""

    def __init__(self, **bmcs: list[Power | None]) -> None:
        self.clock = FakeClock()
        self.bmcs = bmcs
        self.up = sorted(bmcs)
        self.looked: list[tuple[float, str]] = []
        self.seen: list[BmcSeen] = []
        self.noted: list[tuple[str, Power]] = []
        self.places = dict.fromkeys(bmcs, "here")
        self.goes_down_when_looked_at = ""

    async def look(self, host: str) -> Proof | None:
        self.looked.append((self.clock.now().monotonic - 1000.0, host))
        words = self.bmcs[host]
        word = words.pop(0) if len(words) > 1 else words[0]
        if host == self.goes_down_when_looked_at:
            self.up.remove(host)
            self.goes_down_when_looked_at = ""
        known = word is Power.OFF and (host, Power.OFF) in self.noted
        return None if word is None else replace(proof(word), known=known)

    def hosts(self, now: Instant) -> Sequence[str]:
        return self.up

    def note(self, host: str, said: Power) -> Mapping[str, float]:
        self.noted.append((host, said))
        return {f"ipmi bmc-of-{host}:623": 0.0} if said is Power.OFF else {}

    @property
    def told(self) -> list[BmcSeen]:
        """What people are told, without what is only remembered."""
        return [one for one in self.seen if one.news]

    async def play(self, seconds: float, interval: float = DAY, bad: Sequence[str] = ()) -> None:
        rounds = BmcRounds(
            self.look,
            self.hosts,
            self.clock,
            interval,
            note=self.note,
            places=self.places.__getitem__,
            bad={host: {f"ipmi bmc-of-{host}:623": 0.0} for host in bad},
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


async def test_what_gives_no_proof_is_looked_at_again_before_it_is_told() -> None:
    stage = Stage(n1=[Power.NO_PROOF])
    await stage.play(71.0)
    assert stage.looked == [(60.0, "n1"), (70.0, "n1")]
    assert [(one.host, said(one)) for one in stage.seen] == [("n1", Power.NO_PROOF)]
    passing = Stage(n1=[Power.NO_PROOF, Power.ON])
    await passing.play(71.0)
    assert passing.seen == []


async def test_what_says_off_is_looked_at_until_the_host_would_have_been_missed() -> None:
    stage = Stage(n1=[Power.OFF])
    await stage.play(70.0 + MISSED_WITHIN - 1.0)
    assert stage.noted == [] and stage.seen == []
    await stage.play(62.0 + MISSED_WITHIN + 10.0)
    assert stage.noted == [("n1", Power.OFF)]
    assert [(one.host, said(one), one.wrong) for one in stage.seen] == [
        ("n1", Power.OFF, {"ipmi bmc-of-n1:623": 0.0})
    ]


@pytest.mark.parametrize("words", [[Power.OFF, Power.ON], [Power.OFF, Power.OFF, Power.ON]])
async def test_what_says_on_at_last_belongs_to_its_host(words: list[Power | None]) -> None:
    stage = Stage(n1=words)
    await stage.play(600.0)
    assert stage.noted == [("n1", Power.ON)] and stage.seen == []


async def test_a_host_that_has_just_died_and_is_not_missed_yet_has_no_wrong_bmc() -> None:
    """Its BMC is right; were it not believed, nothing could prove the death of its host."""
    stage = Stage(n1=[Power.OFF])

    async def missed() -> None:
        await stage.clock.sleep(60.0 + 45.0)
        stage.up.remove("n1")

    missing = asyncio.get_running_loop().create_task(missed())
    await stage.play(3600.0)
    await missing
    assert len(stage.looked) == 2 and stage.noted == [] and stage.seen == []


async def test_a_host_that_was_out_of_sight_meanwhile_is_looked_at_again_soon() -> None:
    """A view that lapses must not leave a wrong BMC unknown for a day, nor a flapping host take all the time."""
    stage = Stage(n1=[Power.OFF], n2=[Power.ON])

    async def blink() -> None:
        await stage.clock.sleep(60.0 + 10.0 + MISSED_WITHIN - 1.0)
        stage.up.remove("n1")
        await stage.clock.sleep(2.0)
        stage.up.append("n1")

    blinking = asyncio.get_running_loop().create_task(blink())
    await stage.play(2 * AGAIN)
    await blinking
    assert stage.noted[:2] == [("n2", Power.ON), ("n1", Power.OFF)]
    assert stage.looked[3][1] == "n1" and stage.looked[3][0] >= AGAIN


async def test_those_that_were_wrong_before_a_restart_are_looked_at_first_and_end_when_they_say_on() -> None:
    stage = Stage(n1=[Power.ON], n2=[Power.ON], n3=[Power.ON])
    await stage.play(121.0, bad=["n3"])
    assert stage.looked == [(60.0, "n3"), (120.0, "n1")]
    assert [(one.host, said(one), one.wrong) for one in stage.seen] == [("n3", Power.ON, {})]


async def test_a_host_that_fails_meanwhile_is_no_wrong_mapping() -> None:
    stage = Stage(n1=[Power.OFF])
    stage.goes_down_when_looked_at = "n1"
    await stage.play(3600.0)
    assert stage.looked and stage.seen == [] and stage.noted == []


async def test_a_host_without_a_bmc_is_no_alarm() -> None:
    stage = Stage(n1=[None])
    await stage.play(3600.0)
    assert len(stage.looked) == 1 and stage.seen == []


FOUND = 60.0 + LOOKS_APART + MISSED_WITHIN
"""When the first BMC that says off is known to be wrong."""


async def test_what_is_mended_is_noticed_within_minutes_and_told_once() -> None:
    stage = Stage(n1=[*[Power.OFF] * 5, Power.ON])
    await stage.play(FOUND + 3 * (WRONG_AGAIN + 60.0))
    assert [said(one) for one in stage.seen] == [Power.OFF, Power.ON]
    assert stage.noted == [("n1", Power.OFF)] * 3 + [("n1", Power.ON)]
    # One look is enough where nothing is new.
    assert len(stage.looked) == 6
    assert stage.looked[-1][0] - FOUND <= 3 * (WRONG_AGAIN + 60.0)


class Rack:
    """The BMCs of a rack by their addresses, and a monitor that knows one of them as that of h1."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, interval: float = DAY, bad: WrongBmcs | None = None
    ) -> None:
        monkeypatch.setattr(power, "Ipmi", lambda *args, **options: self)
        self.clock = FakeClock()
        self.says = {"10.0.0.1": Power.ON, "10.0.0.2": Power.ON}
        self.seen: list[BmcSeen] = []
        prover = self.prover = power.Prover(power.PowerPolicy(), self.clock)
        self.rounds = BmcRounds(
            prover.look,
            lambda now: ["h1"],
            self.clock,
            interval,
            note=prover.note,
            places=prover.places,
            bad=bad,
        )
        prover.recall(bad or {})

    async def read(self, address: Address) -> Reading:
        return Reading(self.says[address.host], f"{address.host} says {self.says[address.host].value}")

    def name(self, address: str, **given: str) -> None:
        secret = Literal(given.get("password", "x"))
        bmc = Address(device="ipmi-h1", speaks=Speaks.IPMI, host=address, user="u", secret=secret)
        self.prover.learn({"h1": [bmc]})

    async def play(self, *steps: tuple[Power, float]) -> None:
        """The neighbour's says each word for so many seconds, while h1 is up."""
        running = asyncio.get_running_loop().create_task(self.rounds.run(self.seen.append))
        for word, seconds in steps:
            self.says["10.0.0.2"] = word
            await self.clock.advance(seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def proof(self) -> Power:
        asking = asyncio.get_running_loop().create_task(self.prover.prove(CheckPower("h1", 1)))
        await self.clock.advance(60.0)
        return (await asking).power

    @property
    def rulings(self) -> list[tuple[Ruling, bool]]:
        verdicts = [judged(one).verdicts[0] for one in self.seen if one.news]
        return [(verdict.ruling, verdict.alarm) for verdict in verdicts]


@pytest.mark.parametrize("interval", [DAY, 3600.0])
@pytest.mark.parametrize("named_again", ["", "a new password"])
async def test_the_bmc_of_another_host_that_was_off_for_a_while_is_not_trusted_as_soon_as_that_is_on_again(
    monkeypatch: pytest.MonkeyPatch, interval: float, named_again: str
) -> None:
    rack = Rack(monkeypatch, interval)
    rack.name("10.0.0.2")
    await rack.play((Power.OFF, 900.0))
    assert rack.rulings == [(Ruling.SUSPECTED, True)]
    if named_again:
        rack.name("10.0.0.2", password=named_again)
    await rack.play((Power.ON, 3 * 3600.0))
    assert set(rack.rulings) == {(Ruling.SUSPECTED, True)}
    words = judged(replace(rack.seen[-1], news=True)).verdicts[0].why
    assert words.startswith("it says on now, but ipmi 10.0.0.2:623 said off while h1 was up")
    assert "before it has said only on for a day, unless it is named otherwise" in words
    (kept,) = judged(rack.seen[-1]).commands
    assert isinstance(kept, Remember) and kept.value is not None
    assert kept.value["wrong"] == ["ipmi 10.0.0.2:623"]
    on = kept.value["on"]
    assert isinstance(on, dict) and 2 * 3600 < float(str(on["ipmi 10.0.0.2:623"])) <= 3 * 3600
    # h1 is cut off from its cluster, and its neighbour is off again.
    rack.says["10.0.0.2"] = Power.OFF
    assert await rack.proof() is Power.NO_PROOF
    rack.prover.close()


async def test_one_that_was_corrected_elsewhere_is_trusted_after_a_day_of_nothing_but_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rack = Rack(monkeypatch)
    rack.name("10.0.0.2")
    day = DAY + 900.0
    await rack.play((Power.OFF, 900.0), (Power.ON, DAY / 2), (Power.OFF, 900.0), (Power.ON, DAY / 2 + 900.0))
    assert (Ruling.RECOVERED, False) not in rack.rulings, "off in between: it counts from the beginning"
    await rack.play((Power.ON, day))
    rack.says["10.0.0.2"] = Power.OFF
    assert await rack.proof() is Power.OFF
    rack.prover.close()


async def test_the_alarm_ends_within_minutes_where_another_bmc_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rack = Rack(monkeypatch)
    rack.name("10.0.0.2")
    await rack.play((Power.OFF, 900.0))
    rack.name("10.0.0.1")
    await rack.play((Power.OFF, 300.0))
    assert rack.rulings == [(Ruling.SUSPECTED, True), (Ruling.RECOVERED, False)]
    assert judged(rack.seen[-1]).commands == (Remember("bmc:h1", None),)
    rack.says["10.0.0.1"] = Power.OFF
    assert await rack.proof() is Power.OFF
    rack.prover.close()


async def test_what_is_not_mended_is_told_once_in_each_interval() -> None:
    stage = Stage(n1=[Power.OFF], n2=[Power.NO_PROOF])
    await stage.play(2.5 * 7200.0, interval=7200.0)
    for host in ("n1", "n2"):
        assert [one.host for one in stage.seen].count(host) == 3


async def test_what_could_not_be_asked_is_tried_seldom() -> None:
    """A password that is wrong locks some BMCs, and with them their fencing."""
    stage = Stage(n1=[Power.NO_PROOF])
    await stage.play(60.0 + 10.0 + AGAIN - 1.0)
    assert len(stage.looked) == 2
    await stage.play(120.0)
    assert len(stage.looked) == 4


async def test_a_wrong_one_that_cannot_be_asked_any_more_is_tried_seldom_too() -> None:
    stage = Stage(n1=[Power.OFF, Power.OFF, Power.OFF, Power.NO_PROOF])
    await stage.play(FOUND + WRONG_AGAIN + 120.0 + AGAIN)
    assert len(stage.looked) == 7
    assert stage.looked[5][0] - stage.looked[4][0] >= AGAIN


async def test_one_whose_bmcs_are_named_otherwise_is_looked_at_soon() -> None:
    stage = Stage(n1=[Power.ON], n2=[None], n3=[Power.ON])

    async def change() -> None:
        await stage.clock.sleep(7200.0)
        stage.places.update(n1="there", n2="somewhere")

    changing = asyncio.get_running_loop().create_task(change())
    await stage.play(8000.0)
    await changing
    assert [host for _, host in stage.looked] == ["n1", "n2", "n3", "n1", "n2"]
    assert stage.looked[-1][0] <= 7200.0 + 120.0


async def test_a_wrong_one_waits_neither_for_a_thousand_others_nor_they_for_it() -> None:
    names = [f"n{number:04}" for number in range(1000)]
    words: dict[str, list[Power | None]] = {
        name: [Power.OFF if name == "n0500" else Power.ON] for name in names
    }
    stage = Stage(**words)
    stage.noted.append(("n0500", Power.OFF))
    await stage.play(7200.0, bad=["n0500"])
    at = [when for when, host in stage.looked if host == "n0500"]
    assert max(later - earlier for earlier, later in pairwise(at)) <= WRONG_AGAIN + 120.0
    assert len({host for _, host in stage.looked}) >= 90, "two hours, a host a minute"


async def test_many_wrong_ones_leave_the_others_their_turns() -> None:
    wrong: dict[str, list[Power | None]] = {f"w{number:02}": [Power.OFF] for number in range(30)}
    stage = Stage(**wrong, n1=[Power.ON], n2=[Power.ON], n3=[Power.ON])
    stage.noted += [(host, Power.OFF) for host in wrong]
    await stage.play(660.0, bad=list(wrong))
    assert {"n1", "n2", "n3"} <= {host for _, host in stage.looked}


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
    assert (verdict.subject, verdict.ruling, verdict.alarm) == ("bmc:n1", ruling, alarm)
    assert words in verdict.why and verdict.evidence == "so it said"


def test_which_are_wrong_outlasts_a_restart_until_they_say_on() -> None:
    wrong = BmcSeen("n1", proof(Power.OFF), NOW, {"ipmi b:623": 1500.5})
    (kept,) = judged(wrong).commands
    assert isinstance(kept, Remember) and kept.value is not None
    assert remembered({kept.key: json.loads(json.dumps(kept.value))}) == {"n1": {"ipmi b:623": 1500}}
    assert judged(replace(wrong, proof=proof(Power.NO_PROOF))).commands == (kept,), (
        "nothing is forgotten by it"
    )
    assert judged(BmcSeen("n1", proof(Power.ON), NOW)).commands == (Remember(kept.key, None),)


def test_what_an_earlier_release_has_kept_counts_from_the_beginning() -> None:
    assert remembered({"bmc:n1": {"wrong": ["ipmi b:623"]}}) == {"n1": {"ipmi b:623": 0.0}}
    for odd in ("long", {"ipmi b:623": "long"}, {"ipmi b:623": -1}, {"ipmi b:623": 10**400}, [7]):
        kept: dict[str, JSON] = {"wrong": ["ipmi b:623"], "on": odd}  # type: ignore[dict-item]
        assert remembered({"bmc:n1": kept}) == {"n1": {"ipmi b:623": 0.0}}


async def test_how_long_it_has_said_only_on_is_remembered_at_each_look_and_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rack = Rack(monkeypatch)
    rack.name("10.0.0.2")
    await rack.play((Power.OFF, 900.0), (Power.ON, 2 * 3600.0))
    quiet = [one for one in rack.seen if not one.news]
    assert len(quiet) >= 10 and all(judged(one).verdicts == () for one in quiet)
    assert sum(one.listed for one in rack.seen) <= 2 + 2 * 3600 / COUNTED_IN, (
        "the ledger is written less often"
    )
    rack.prover.close()


async def test_two_lives_of_half_a_day_are_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    rack = Rack(monkeypatch)
    rack.name("10.0.0.2")
    await rack.play((Power.OFF, 900.0), (Power.ON, DAY / 2 + 3600.0))
    (kept,) = judged(rack.seen[-1]).commands
    assert isinstance(kept, Remember) and kept.value is not None
    memory = remembered({kept.key: kept.value})
    second = Rack(monkeypatch, bad=memory)
    second.name("10.0.0.2")
    await second.play((Power.ON, DAY / 2))
    assert second.rulings[-1] == (Ruling.RECOVERED, False)
    for one in (rack, second):
        one.prover.close()


async def test_the_alarm_of_a_host_ends_when_nobody_names_a_bmc_for_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rack = Rack(monkeypatch)
    rack.name("10.0.0.2")
    await rack.play((Power.OFF, 900.0))
    rack.prover.learn({})
    await rack.play((Power.OFF, 300.0))
    assert rack.rulings == [(Ruling.SUSPECTED, True), (Ruling.RECOVERED, False)]
    assert "no BMC is named for h1 any more" in judged(rack.seen[-1]).verdicts[0].why
    (kept,) = judged(rack.seen[-1]).commands
    assert isinstance(kept, Remember) and kept.value is not None, "a file may be edited at this moment"
    rack.name("10.0.0.2")
    assert await rack.proof() is Power.NO_PROOF
    rack.prover.learn({})
    await rack.play((Power.OFF, 2 * 3600.0))
    assert judged(rack.seen[-1]).commands == (Remember("bmc:h1", None),)
    assert rack.rulings == [(Ruling.SUSPECTED, True), (Ruling.RECOVERED, False)], "told once"
    assert rack.prover.wrong() == {} and rack.seen[-1].listed
    rack.prover.close()


async def test_a_blind_one_that_is_named_no_more_ends_its_alarm_too() -> None:
    stage = Stage(n1=[Power.NO_PROOF, Power.NO_PROOF, None])
    await stage.play(3 * AGAIN)
    assert [said(one) for one in stage.told] == [Power.NO_PROOF, None]


async def test_those_that_another_has_found_are_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(n1=[Power.ON], n2=[Power.ON], N3=[Power.ON])
    rounds = BmcRounds(stage.look, stage.hosts, stage.clock, DAY, note=stage.note)
    rounds.suspect(["n3"])
    running = asyncio.get_running_loop().create_task(rounds.run(stage.seen.append))
    await stage.clock.advance(400.0)
    assert [host for _, host in stage.looked] == ["N3", "n1", "n2"]
    rounds.suspect(["n1"])
    await stage.clock.advance(60.0)
    assert stage.looked[-1][1] == "n1"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_the_ledger_is_written_by_whoever_leads_when_it_says_otherwise() -> None:
    entry = LedgerEntry(HostStatus.NORMAL, EPOCH, delivered=True)
    seen = BmcSeen("n1", proof(Power.OFF), NOW, {"ipmi b:623": 0.0}, listed=True)
    leads = beside(lambda state, seen, now: (state, NOTHING), lambda state: {"n5": entry})
    follows = beside(lambda state, seen, now: (state, NOTHING))
    assert leads(1, seen, NOW)[1].commands[1:] == (WriteLedger({"n5": entry}),)
    assert leads(1, replace(seen, listed=False), NOW)[1].commands[1:] == ()
    assert follows(1, seen, NOW)[1].commands[1:] == ()


def test_what_cannot_be_understood_of_the_memory_is_left_out() -> None:
    odd: dict[str, dict[str, JSON]] = {
        "bmc:n1": {"wrong": "all"},
        "bmc:n2": {},
        "host:n3": {"wrong": ["b"]},
        "bmc:n4": {"wrong": [7]},
    }
    assert remembered(odd) == {}


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
