"""The looks at a host's BMCs: how often each is asked, whose word counts, and when it was spoken."""

import asyncio
import datetime
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import Power, ProofKind
from masakarimonitors.hostmonitor.power.bmc import Address, Lack, Literal, Reading, Speaks, Uptime
from masakarimonitors.hostmonitor.power.check import LOOKS_APART, PowerCheck, Proof, of_a_host_that_is_up
from tests.fixtures.fake_clock import FakeClock, settle

ON, OFF = Power.ON, Power.OFF
SILENT, FAULT, ODD = Lack.SILENT, Lack.FAULT, Lack.ODD
Word = Power | Lack


class Bmc:
    """Says one thing after another, each `takes` seconds after it was asked."""

    def __init__(self, clock: FakeClock, *words: Word, takes: float = 0.0) -> None:
        self.words = list(words)
        self._clock = clock
        self._takes = takes

    async def read(self, address: Address) -> Reading:
        word = self.words.pop(0)
        if self._takes:
            await self._clock.sleep(self._takes)
        evidence = f"{address.device} says {word.value}"
        return Reading(Power.NO_PROOF, evidence, word) if isinstance(word, Lack) else Reading(word, evidence)


def device(name: str, speaks: Speaks = Speaks.IPMI) -> Address:
    return Address(device=name, speaks=speaks, host=f"bmc-of-{name}", user="", secret=Literal(""))


async def check(
    one: tuple[Word, ...], other: tuple[Word, ...] | None = None, *, silence_is_off: bool = False
) -> Proof:
    """What the looks at one BMC, or at two, come to; each look must have been made."""
    clock = FakeClock()
    asks = {Speaks.IPMI: Bmc(clock, *one), Speaks.REDFISH: Bmc(clock, *(other or ()))}
    places = [device("a"), *([device("b", Speaks.REDFISH)] if other is not None else [])]
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(
            PowerCheck(asks, clock, unreachable_means_off=silence_is_off).check("n1", places)
        )
        await clock.advance(LOOKS_APART)
    assert [bmc.words for bmc in asks.values()] == [[], []]
    return looking.result()


@pytest.mark.parametrize(
    ("words", "power", "kind", "lack"),
    [
        ((OFF, OFF), OFF, ProofKind.BMC, None),
        ((OFF, ON), ON, ProofKind.BMC, None),  # the middle of a power cycle
        ((OFF, SILENT), Power.NO_PROOF, None, SILENT),
        ((OFF, ODD), Power.NO_PROOF, None, ODD),
        ((ON,), ON, ProofKind.BMC, None),
        ((SILENT,), Power.NO_PROOF, None, SILENT),
        ((FAULT,), Power.NO_PROOF, None, FAULT),
        ((ODD,), Power.NO_PROOF, None, ODD),
    ],
)
async def test_off_is_believed_when_it_was_said_twice(
    words: tuple[Word, ...], power: Power, kind: ProofKind | None, lack: Lack | None
) -> None:
    proof = await check(words)
    assert (proof.power, proof.kind, proof.lack) == (power, kind, lack)


@pytest.mark.parametrize(
    ("words", "power", "kind"),
    [
        ((SILENT, SILENT), OFF, ProofKind.UNCHECKED),
        ((OFF, OFF), OFF, ProofKind.BMC),
        # Only silence counts, and only at both looks.
        ((SILENT, FAULT), Power.NO_PROOF, None),
        ((SILENT, ODD), Power.NO_PROOF, None),
        ((SILENT, OFF), Power.NO_PROOF, None),
        ((OFF, SILENT), Power.NO_PROOF, None),
        ((SILENT, ON), ON, ProofKind.BMC),
        ((FAULT,), Power.NO_PROOF, None),
        ((ODD,), Power.NO_PROOF, None),
    ],
)
async def test_what_counts_as_off_where_silence_does(
    words: tuple[Word, ...], power: Power, kind: ProofKind | None
) -> None:
    proof = await check(words, silence_is_off=True)
    assert (proof.power, proof.kind) == (power, kind)
    assert ("unchecked" in proof.evidence) == (kind is ProofKind.UNCHECKED)


@pytest.mark.parametrize(
    ("one", "other", "power"),
    [
        ((OFF, OFF), (OFF, OFF), OFF),
        ((OFF,), (ON,), ON),
        ((OFF, OFF), (OFF, ON), ON),
        # An old device that says off proves nothing while the right one is silent.
        ((OFF,), (SILENT,), Power.NO_PROOF),
        ((FAULT,), (OFF,), Power.NO_PROOF),
        ((FAULT,), (ON,), ON),
    ],
)
async def test_every_bmc_of_a_host_must_say_off_and_one_that_says_on_wins(
    one: tuple[Word, ...], other: tuple[Word, ...], power: Power
) -> None:
    assert (await check(one, other)).power is power


async def test_one_silent_and_one_off_are_unchecked() -> None:
    proof = await check((OFF, OFF), (SILENT, SILENT), silence_is_off=True)
    assert (proof.power, proof.kind) == (OFF, ProofKind.UNCHECKED)


@pytest.mark.parametrize(("words", "seconds"), [((OFF, OFF), 13.0), ((ON,), 0.0), ((SILENT,), 0.0)])
async def test_a_proof_is_as_old_as_the_question_that_decided_it(
    words: tuple[Word, ...], seconds: float
) -> None:
    """An answer that is three seconds on its way, twice, and ten seconds between: the second was asked after 13."""
    clock = FakeClock()
    began = clock.now().monotonic
    bmc = Bmc(clock, *words, takes=3.0)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(PowerCheck({Speaks.IPMI: bmc}, clock).check("n1", [device("a")]))
        await clock.advance(16.0)
    assert looking.result().at.monotonic - began == seconds


async def test_the_two_looks_are_as_far_apart_as_is_asked() -> None:
    clock = FakeClock()
    bmc = Bmc(clock, OFF, OFF)
    looking = asyncio.get_running_loop().create_task(
        PowerCheck({Speaks.IPMI: bmc}, clock, apart=20.0).check("n1", [device("a")])
    )
    await clock.advance(19.9)
    assert bmc.words == [OFF]
    await clock.advance(0.2)
    assert (await looking).evidence == "a says off, twice 20 s apart"


async def test_without_a_bmc_nothing_is_proven() -> None:
    proof = await PowerCheck({}, FakeClock()).check("n1", [])
    assert (proof.power, proof.lack, proof.evidence) == (Power.NO_PROOF, None, "no BMC is known for n1")


@pytest.mark.parametrize(
    ("word", "power", "kind"),
    [
        (SILENT, Power.NO_PROOF, None),
        (ON, OFF, ProofKind.UNCHECKED),
        (FAULT, OFF, ProofKind.UNCHECKED),  # it answers, if only to refuse us
    ],
)
async def test_silence_of_all_is_a_network_that_is_cut(
    word: Word, power: Power, kind: ProofKind | None
) -> None:
    clock = FakeClock()
    asks = {Speaks.IPMI: Bmc(clock, SILENT, SILENT), Speaks.REDFISH: Bmc(clock, word)}
    looks = PowerCheck(asks, clock, unreachable_means_off=True)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(looks.check("n1", [device("a")], [device("b", Speaks.REDFISH)]))
        await clock.advance(LOOKS_APART)
    assert (looking.result().power, looking.result().kind) == (power, kind)
    assert ("the way there is cut" in looking.result().evidence) == (kind is None)


class Settled(Bmc):
    """Shows by its uptime that it has not just restarted; its clocks are off by `jumps` more at each look."""

    def __init__(self, clock: FakeClock, *words: Word, now: float = 0.0, since: float = 0.0) -> None:
        super().__init__(clock, *words)
        self.jumps = (datetime.timedelta(seconds=now), datetime.timedelta(seconds=since))
        self.looks = 0
        self.began = clock.now().wall - datetime.timedelta(hours=1)

    async def read(self, address: Address) -> Reading:
        reading = await super().read(address)
        now, since = (self.looks * jump for jump in self.jumps)
        self.looks += 1
        return replace(reading, uptime=Uptime(self._clock.now().wall + now, self.began + since))


async def test_bmcs_that_have_not_just_restarted_are_asked_again_sooner() -> None:
    clock = FakeClock()
    asks = {Speaks.IPMI: Settled(clock, OFF, OFF), Speaks.REDFISH: Bmc(clock, OFF, OFF)}
    looks = PowerCheck(asks, clock)
    one = asyncio.get_running_loop().create_task(looks.check("n1", [device("a")]))
    await clock.advance(2.0)
    assert (await one).evidence == "a says off, twice 2 s apart"
    asks[Speaks.IPMI].words = [OFF, OFF]
    both = asyncio.get_running_loop().create_task(
        looks.check("n1", [device("a"), device("b", Speaks.REDFISH)])
    )
    await clock.advance(9.9)
    assert not both.done()
    await clock.advance(0.1)
    assert (await both).power is OFF


@pytest.mark.parametrize(
    "jumps", [{"now": 3600.0}, {"now": -3600.0}, {"since": 3600.0}, {"now": 7e7, "since": 7e7}]
)
@pytest.mark.parametrize(("third", "power"), [(OFF, OFF), (ON, ON), (ODD, Power.NO_PROOF)])
async def test_a_bmc_whose_clocks_contradict_themselves_may_have_just_restarted(
    jumps: dict[str, float], third: Word, power: Power
) -> None:
    """An uptime that is none proves nothing: it is asked once more, the whole time later."""
    clock = FakeClock()
    bmc = Settled(clock, OFF, OFF, third, **jumps)
    looking = asyncio.get_running_loop().create_task(
        PowerCheck({Speaks.IPMI: bmc}, clock).check("n1", [device("a")])
    )
    await clock.advance(11.9)
    assert bmc.words == [third] and not looking.done()
    await clock.advance(0.1)
    assert (await looking).power is power


async def ahead_of(clock: FakeClock, bmc: Bmc, waits: float, **options: Any) -> tuple[Proof, float]:
    """A first look, `waits` seconds, and then the question for proof: what it is answered, after how many seconds."""
    looks = PowerCheck({Speaks.IPMI: bmc}, clock, **options)
    places = [device("a")]
    ahead = await looks.look(places)
    await clock.advance(waits)
    began = clock.now().monotonic
    looking = asyncio.get_running_loop().create_task(looks.check("n1", places, ahead=ahead))
    while not looking.done():
        await clock.advance(0.5)
    return await looking, (await looking).at.monotonic - began


@pytest.mark.parametrize(
    ("waits", "after", "looks"),
    [(0.0, 10.0, 2), (4.0, 6.0, 2), (10.0, 0.0, 2), (15.0, 0.0, 2), (15.5, 10.0, 3)],
)
async def test_a_look_that_was_made_ahead_is_the_first_of_two_unless_it_is_old(
    waits: float, after: float, looks: int
) -> None:
    """They are as far apart as ever, and the second, which is the proof, is made after the question."""
    clock = FakeClock()
    bmc = Bmc(clock, *(OFF for _ in range(looks)))
    proof, seconds = await ahead_of(clock, bmc, waits)
    assert (proof.power, seconds, bmc.words) == (OFF, after, [])


async def test_a_look_ahead_of_before_this_computer_stood_still_does_not_count() -> None:
    clock = FakeClock()
    bmc = Bmc(clock, OFF, OFF, OFF)
    looks = PowerCheck({Speaks.IPMI: bmc}, clock)
    ahead = await looks.look([device("a")])
    clock.set_on(3600.0)
    looking = asyncio.get_running_loop().create_task(looks.check("n1", [device("a")], ahead=ahead))
    await clock.advance(LOOKS_APART)
    assert (await looking).power is OFF and bmc.words == []


@pytest.mark.parametrize(("third", "power"), [(OFF, OFF), (ON, ON)])
@pytest.mark.parametrize(
    "stands_still",
    [
        # This computer: the wall clock alone has gone on.
        lambda clock: clock.set_on(3600.0),
        # This process, stopped or starved: both have.
        lambda clock: clock.stand_still(600.0),
    ],
    ids=["computer", "process"],
)
async def test_two_looks_between_which_somebody_stood_still_are_no_pair(
    stands_still: Callable[[FakeClock], None], third: Word, power: Power
) -> None:
    """The second may have met the moment of a power cycle, however long ago the first was."""
    clock = FakeClock()
    bmc = Bmc(clock, OFF, OFF, third)
    looks = PowerCheck({Speaks.IPMI: bmc}, clock)
    looking = asyncio.get_running_loop().create_task(looks.check("n1", [device("a")]))
    await clock.advance(LOOKS_APART - 1.0)
    stands_still(clock)
    await clock.advance(1.0)
    assert bmc.words == [third] and not looking.done()
    await clock.advance(LOOKS_APART)
    assert (await looking).power is power


@pytest.mark.parametrize(("standstills", "power"), [(2, OFF), (3, OFF), (4, Power.NO_PROOF)])
async def test_who_stands_still_again_and_again_has_no_pair_of_looks(standstills: int, power: Power) -> None:
    clock = FakeClock()
    looks = PowerCheck({Speaks.IPMI: Bmc(clock, *[OFF] * 5)}, clock)
    looking = asyncio.get_running_loop().create_task(looks.check("n1", [device("a")]))
    for _ in range(standstills):
        await clock.advance(LOOKS_APART - 2.0)
        clock.stand_still(600.0)
        await clock.advance(1.0)
    await clock.advance(LOOKS_APART)
    assert (await looking).power is power


@pytest.mark.parametrize("ahead", [ON, SILENT, FAULT, ODD])
async def test_a_look_ahead_by_which_it_is_not_off_does_not_count(ahead: Word) -> None:
    """It may have been cut from its networks first, and lost its power a moment later."""
    clock = FakeClock()
    proof, seconds = await ahead_of(clock, Bmc(clock, ahead, OFF, OFF), 1.0)
    assert (proof.power, seconds) == (OFF, 10.0)


class Odd:
    async def read(self, address: Address) -> Reading:
        raise TypeError("a traceback, with what the BMC has sent")


async def test_a_question_that_raises_has_an_answer_without_its_words() -> None:
    proof = await PowerCheck({Speaks.IPMI: Odd()}, FakeClock()).check("n1", [device("a")])
    assert (proof.power, proof.lack) == (Power.NO_PROOF, FAULT)
    assert proof.evidence == "a: BMC bmc-of-a: it could not be asked (TypeError)"


@pytest.mark.parametrize(
    ("words", "asked", "power", "lack"),
    [
        ((ON,), {0}, ON, None),
        ((OFF,), {0}, OFF, None),
        ((FAULT,), {0}, Power.NO_PROOF, FAULT),
        # Each has to say off for a proof, and a fencing may go through any.
        ((ON, OFF), {0, 1}, OFF, None),
        ((ON, FAULT), {0, 1}, Power.NO_PROOF, FAULT),
        ((OFF, FAULT), {0, 1}, OFF, None),
        # The second is asked for no proof.
        ((ON, FAULT), {0}, ON, None),
        ((ON, OFF), {0}, OFF, None),
    ],
)
async def test_one_look_at_a_host_that_is_up(
    words: tuple[Word, ...], asked: set[int], power: Power, lack: Lack | None
) -> None:
    clock = FakeClock()
    look = await PowerCheck({Speaks.IPMI: Bmc(clock, *words)}, clock).look(
        [device(str(at)) for at, _ in enumerate(words)]
    )
    proof = of_a_host_that_is_up(look, asked)
    assert (proof.power, proof.lack) == (power, lack)


class Slow:
    """Answers when it is told; counts who waits."""

    def __init__(self) -> None:
        self.waiting = self.most = 0
        self.go_on = asyncio.Event()

    async def read(self, address: Address) -> Reading:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.go_on.wait()
        self.waiting -= 1
        return Reading(Power.ON, "on")


async def test_many_hosts_are_asked_a_bounded_number_at_a_time_and_this_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    slow = Slow()
    looks = PowerCheck({Speaks.IPMI: slow}, FakeClock())
    async with asyncio.TaskGroup() as tasks:
        for n in range(200):
            address = replace(device("a"), host=f"b{n}")
            tasks.create_task(looks.check(f"n{n}", [address]))
        await settle()
        slow.go_on.set()
    assert slow.most == 64
    assert caplog.text.count("64 BMCs are being asked at once") == 1
