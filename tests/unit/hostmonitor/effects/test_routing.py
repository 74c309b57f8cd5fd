"""What no driver needs to know is answered here, every other command goes to the driver."""

from masakarimonitors.core.decision import Command
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import with_bmcs, with_followed
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    CheckPower,
    Life,
    LifeSeen,
    LookUpReports,
    Observation,
    ReportsFound,
    WriteLedger,
)
from masakarimonitors.hostmonitor.effects.bmc_ledger import BmcLedger
from masakarimonitors.hostmonitor.effects.life import SignsOfLife
from masakarimonitors.hostmonitor.effects.reports import ReportLookups
from masakarimonitors.hostmonitor.effects.routing import Routed
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import ReportFinder
from tests.fixtures.fake_clock import FakeClock

LIFE = SignsOfLife(lambda host: (), FakeClock())


class Away:
    async def get(self, path: str, microversion: str = "") -> object:
        raise LookupFailed("no answer")


LOOKUPS = ReportLookups(ReportFinder(Away()), FakeClock())
LOOK_UP = LookUpReports("n1", FakeClock().now().wall, HostStatus.NORMAL, 1)


class Driver:
    def __init__(self) -> None:
        self.asked: list[Command] = []

    async def perform(self, command: Command) -> Observation | None:
        self.asked.append(command)
        return None


async def test_the_driver_is_asked_everything_but_signs_of_life() -> None:
    driver = Driver()
    effects = Routed(driver, LIFE, LOOKUPS, own=lambda: "n0")
    seen = await effects.perform(CheckLife("n1", 1))
    assert isinstance(seen, LifeSeen) and seen.life is Life.UNKNOWN
    found = await effects.perform(LOOK_UP)
    assert isinstance(found, ReportsFound) and found.found is None
    assert await effects.perform(CheckPower("n1", 1)) is None
    assert driver.asked == [CheckPower("n1", 1)]


async def test_the_ledger_goes_to_the_driver_with_what_it_says_of_bmcs() -> None:
    driver = Driver()
    wrong = {"n1": {"ipmi 10.0.0.2:623": 0.0}}
    bmcs = BmcLedger(lambda: wrong, lambda wrong, leads: None, lambda wrong: None)
    await Routed(driver, LIFE, LOOKUPS, bmcs, own=lambda: "n0").perform(WriteLedger({}))
    await Routed(driver, LIFE, LOOKUPS, own=lambda: "n0").perform(WriteLedger({}))
    ledgers = [with_bmcs({}, wrong), {}]
    assert driver.asked == [WriteLedger(with_followed(ledger, "n0")) for ledger in ledgers], (
        "and it says that what masakari was told is followed"
    )


async def test_a_driver_without_effects_still_has_its_signs_of_life() -> None:
    effects = Routed(None, LIFE, LOOKUPS, own=lambda: "n0")
    assert isinstance(await effects.perform(CheckLife("n1", 1)), LifeSeen)
    assert await effects.perform(CheckPower("n1", 1)) is None
