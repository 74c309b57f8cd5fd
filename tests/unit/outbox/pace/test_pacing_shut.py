"""While masakari-api takes nothing it is not asked again and again how much stands there."""

import pytest

from masakarimonitors.masakari_answers import Outcome, Unreachable
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_engine import FakeEngine
from tests.unit.outbox.pace.test_pacing import PACE, stage

LOOK = 4
"""Requests of one look at a host that is known."""


class Slow(FakeEngine):
    """Every answer takes 50 ms, and one to a report `posting` seconds."""

    posting = 0.05

    async def get(self, path: str) -> object:
        await self.clock.sleep(0.05)
        return await super().get(path)

    async def send(self, *args: object) -> Outcome:
        await self.clock.sleep(self.posting)
        return await super().send(*args)  # type: ignore[arg-type]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("posting", [0.05, 30.0])
async def test_while_the_api_takes_nothing_it_is_looked_at_once_for_each_try(
    slow: bool, posting: float
) -> None:
    engine = Slow(FakeClock())
    async with stage(engine=engine) as on:
        await on.die("a")
        await on.clock.advance(15)
        engine.end()
        await on.clock.advance(60)
        taking, engine.posting = engine.answer, posting
        engine.answer = lambda told: Unreachable("503", maybe_accepted=False, slow=slow)
        offers, asked = len(engine.offers), len(engine.known.asked)
        await on.die("b", "c")
        await on.clock.advance(600)
        tries = len(engine.offers) - offers
        # One for each try, and those at which nothing waits, while an answer is long in coming.
        looks = tries + 1 + (600 / PACE.idle_look if posting > PACE.idle_look else 0)
        assert tries >= 2 and len(engine.known.asked) - asked <= LOOK * looks
        engine.answer, engine.posting = taking, 0.05
        await on.clock.advance(2 * DeliveryPolicy().backoff_limit)
        assert engine.taken() == ["a", "b", "c"]
