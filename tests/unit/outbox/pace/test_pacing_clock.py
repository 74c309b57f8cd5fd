"""Whatever the wall clock does: no death is lost by it, and none is taken for recovered."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.masakari_answers import Outcome, Unreachable
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_engine import FakeEngine
from tests.unit.outbox.pace.test_pacing import Stage, stage

YEARS = 26 * 365 * 86400.0


class Stepped(FakeClock):
    """Its wall clock is `ahead` seconds before the true time."""

    ahead = 0.0

    def now(self) -> Instant:
        moment = super().now()
        return Instant(moment.monotonic, moment.wall + datetime.timedelta(seconds=self.ahead))


def away(on: Stage) -> Callable[[dict[str, Any]], Outcome]:
    """The API cannot be reached any more; what it answered before."""
    before = on.engine.answer
    on.engine.answer = lambda told: Unreachable("the network is not up yet", maybe_accepted=False)
    return before


async def test_a_clock_that_is_set_forward_makes_no_new_death_older_than_its_hosts_recovery() -> None:
    clock = Stepped()
    engine = FakeEngine(clock)
    engine.end(which=engine.report_host())
    await clock.advance(300)  # somebody boots the host again, with a clock that is ten minutes behind
    clock.ahead = -600.0
    async with stage(engine=engine) as on:
        before = away(on)
        await on.die("a", "b")
        await clock.advance(5)
        on.engine.answer = before
        clock.ahead = 0.0
        await clock.advance(60)
        assert (on.status("a"), on.status("b")) == ("delivered", "delivered")


async def test_a_recovery_that_was_seen_as_finished_is_older_than_what_dies_later_whatever_the_clock() -> (
    None
):
    """masakari's answers bear no date here, and by this clock its host has been recovered an hour from now."""
    clock = Stepped()
    engine = FakeEngine(clock)
    clock.ahead = 3600.0
    engine.end(which=engine.report_host())
    clock.ahead = 0.0
    async with stage(engine=engine) as on:
        await on.die("a", "b")
        await clock.advance(60)
        await on.die("c", "d")
        for _ in range(6):
            for one in on.engine.unfinished():
                on.engine.end(which=one)
            await clock.advance(20)
        assert (on.status("c"), on.status("d")) == ("delivered", "delivered")


async def test_a_clock_that_is_set_forward_by_years_expires_no_new_death() -> None:
    clock = Stepped()
    clock.ahead = -YEARS
    async with stage(engine=FakeEngine(clock)) as on:
        before = away(on)
        await on.die("a")
        await clock.advance(2)
        await on.die("b")
        await clock.advance(3)
        clock.ahead = 0.0
        await clock.advance(120)
        on.engine.answer = before
        await clock.advance(60)
        assert (on.status("a"), on.status("b")) == ("delivered", "delivered")


@pytest.mark.parametrize("ahead", [YEARS, -YEARS])
async def test_a_death_of_an_earlier_run_is_offered_for_a_while_however_old_the_clock_makes_it(
    ahead: float,
) -> None:
    clock = Stepped()
    async with stage(engine=FakeEngine(clock)) as first:
        before = away(first)
        await first.die("a")
    clock.ahead = ahead
    async with stage(on=first) as on:
        await clock.advance(600)
        assert on.status("a") == "pending"
        on.engine.answer = before
        await clock.advance(60)
        assert on.status("a") == "delivered"


async def test_what_nobody_takes_expires_by_the_time_that_has_passed() -> None:
    clock = Stepped()
    async with stage(engine=FakeEngine(clock)) as on:
        away(on)
        await on.die("a")
        await clock.advance(1)
        clock.ahead = -YEARS
        await clock.advance(DeliveryPolicy().expiry - 60)
        assert on.status("a") == "pending"
        await clock.advance(600)
        assert on.status("a") == "expired"


async def test_a_report_of_an_earlier_run_is_followed_however_old_the_clock_makes_it() -> None:
    clock = Stepped()
    clock.ahead = -YEARS
    async with stage(engine=FakeEngine(clock)) as first:
        await first.die("a")
        await clock.advance(20)
    clock.ahead = 0.0
    async with stage(on=first) as on:
        await clock.advance(120)
        on.engine.end("failed")
        await clock.advance(120)
        assert "given up the report about vm:a" in on.alarms()[-1]
