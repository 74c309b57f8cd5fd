"""What is known of wrong BMCs outlasts a restart and a change of the reporter, and so do the hours of only "on"."""

from collections.abc import Iterator

import pytest

from masakarimonitors.hostmonitor.core.observation import CheckPower, Power
from masakarimonitors.hostmonitor.power import prover as power
from masakarimonitors.hostmonitor.power.bmc import Address, Literal, Reading, Speaks
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from tests.fixtures.fake_clock import FakeClock

BMC = "ipmi 10.0.0.2:623"
HOUR = 3600.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def says(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Power]]:
    """What the BMC says."""
    words = {"now": Power.OFF}

    class Asks:
        async def read(self, address: Address) -> Reading:
            return Reading(words["now"], f"it says {words['now'].value}")

    monkeypatch.setattr(power, "Ipmi", lambda *args, **options: Asks())
    yield words


def prover_of(clock: FakeClock) -> Prover:
    """A monitor that names one BMC for n1."""
    prover = Prover(PowerPolicy(apart=0.0), clock)
    prover.learn(
        {"n1": (Address(device="d", speaks=Speaks.IPMI, host="10.0.0.2", user="", secret=Literal("")),)}
    )
    return prover


async def power_of(prover: Prover) -> Power:
    return (await prover.prove(CheckPower("n1", 1))).power


async def on_for(prover: Prover, clock: FakeClock, hours: int) -> None:
    """It says on, at a look each hour."""
    for _ in range(hours):
        await clock.advance(HOUR)
        prover.note("n1", Power.ON)


async def test_the_hours_of_before_a_restart_count_and_what_nobody_has_seen_does_not(
    clock: FakeClock,
) -> None:
    before = prover_of(clock)
    before.note("n1", Power.OFF)
    before.note("n1", Power.ON)
    await on_for(before, clock, 20)
    kept = before.wrong()
    assert kept == {"n1": {BMC: 20 * HOUR}}
    await clock.advance(30 * HOUR)
    after = prover_of(clock)
    after.recall(kept)
    assert after.note("n1", Power.ON) == {BMC: 20 * HOUR}, "nobody has seen what it said meanwhile"
    await on_for(after, clock, 3)
    assert await power_of(after) is Power.NO_PROOF
    await on_for(after, clock, 1)
    assert after.wrong() == {} and await power_of(after) is Power.OFF


async def test_lives_that_are_shorter_than_a_day_add_up(clock: FakeClock) -> None:
    prover = prover_of(clock)
    kept = {"n1": dict(prover.note("n1", Power.OFF))}
    for _ in range(13):
        prover = prover_of(clock)
        prover.recall(kept)
        prover.note("n1", Power.ON)
        await on_for(prover, clock, 2)
        kept = {host: dict(ones) for host, ones in prover.wrong().items()}
    assert kept == {}


async def test_off_begins_the_day_anew_after_a_restart_too(clock: FakeClock) -> None:
    prover = prover_of(clock)
    prover.recall({"n1": {BMC: 23 * HOUR}})
    assert prover.note("n1", Power.OFF) == {BMC: 0.0}


async def test_one_that_another_monitor_has_found_wrong_is_asked_for_no_proof_while_it_says_so(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    prover = prover_of(clock)
    assert await power_of(prover) is Power.OFF
    prover.hear({"n1": {BMC: HOUR}}, leads=False)
    assert "Another monitor has seen the BMC ipmi 10.0.0.2:623 of n1 say off" in caplog.text
    assert await power_of(prover) is Power.NO_PROOF
    assert prover.wrong() == {}, "it is the other's to count"
    looked = await prover.look("n1")
    assert looked is not None and looked.known
    prover.hear({}, leads=False)
    assert await power_of(prover) is Power.OFF


async def test_who_becomes_the_reporter_goes_on_counting(clock: FakeClock) -> None:
    prover = prover_of(clock)
    prover.hear({"N1": {BMC: HOUR}}, leads=False)
    prover.hear({"N1": {BMC: 22 * HOUR}}, leads=True)
    prover.hear({}, leads=False)
    assert await power_of(prover) is Power.NO_PROOF, "it has taken it over"
    assert prover.note("n1", Power.ON) == {BMC: 22 * HOUR}
    await on_for(prover, clock, 2)
    assert prover.wrong() == {} and await power_of(prover) is Power.OFF


async def test_what_this_one_has_found_itself_is_not_forgotten_for_a_ledger_that_does_not_name_it(
    clock: FakeClock,
) -> None:
    prover = prover_of(clock)
    prover.note("n1", Power.OFF)
    for leads in (False, True):
        prover.hear({}, leads=leads)
        assert await power_of(prover) is Power.NO_PROOF


async def test_the_newest_word_of_the_ledger_counts_for_the_hours(clock: FakeClock) -> None:
    """Another has seen it say off since this one counted."""
    prover = prover_of(clock)
    prover.recall({"n1": {BMC: 20 * HOUR}})
    prover.hear({"n1": {BMC: HOUR}}, leads=True)
    assert prover.wrong() == {"n1": {BMC: HOUR}}


async def test_a_fencing_through_one_that_another_has_found_wrong_is_doubted(clock: FakeClock) -> None:
    prover = prover_of(clock)
    devices = {"n1": prover.addresses("n1")}
    assert prover.doubts_fencing("n1", devices) == ""
    prover.hear({"n1": {BMC: 0.0}}, leads=False)
    assert "(d) said off while n1 was up" in prover.doubts_fencing("n1", devices)


async def test_where_nobody_names_a_bmc_any_more_on_forgets_all_of_them(clock: FakeClock) -> None:
    prover = prover_of(clock)
    prover.note("n1", Power.OFF)
    prover.learn({})
    assert await prover.look("n1") is None
    assert prover.note("n1", Power.ON) == {} == prover.wrong()
