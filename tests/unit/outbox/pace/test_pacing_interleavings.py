"""Any weather, any engine, any power cuts: each death is taken once, and none waits for ever behind the others."""

import contextlib
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.masakari_answers import Duplicate, Outcome, Unreachable
from masakarimonitors.outbox.pace.pace import PacePolicy
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_engine import FakeEngine
from tests.unit.outbox.delivery.test_delivery_interleavings import Disk
from tests.unit.outbox.pace.test_pacing import Stage, stage

PACE = PacePolicy(patience=300.0)


class Weather(Enum):
    """What happens between us and masakari."""

    FINE = auto()
    NO_READING = auto()
    AWAY = auto()
    ANSWERS_LOST = auto()


class Masakari(FakeEngine):
    """Refuses a second report of one instance, and counts."""

    weather = Weather.FINE

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.answer = self._weathered

    def _weathered(self, told: dict[str, Any]) -> Outcome:
        if self.weather is Weather.AWAY:
            return Unreachable("connection refused", maybe_accepted=False)
        known = told["payload"]["instance_uuid"] in self.taken()
        outcome: Outcome = Duplicate("409 is duplicate") if known else self._take(told)
        lost = self.weather is Weather.ANSWERS_LOST
        return Unreachable("timed out", maybe_accepted=True, row_only=True) if lost else outcome

    def turn(self, weather: Weather) -> None:
        """The weather changes."""
        self.weather = weather
        self.known.fails = "" if weather in (Weather.FINE, Weather.ANSWERS_LOST) else f"503 {weather.name}"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("die"), st.integers(1, 4)),
        st.tuples(st.just("weather"), st.sampled_from(Weather)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, 12.0, 70.0, 400.0])),
        st.tuples(st.just("end"), st.sampled_from(["finished", "failed", "ignored", "error", "running"])),
        st.tuples(st.just("purge"), st.none()),
        st.tuples(st.just("cut"), st.none()),
    ),
    max_size=16,
)


async def play(on: Stage, engine: Masakari, steps: Sequence[tuple[str, Any]], told: int) -> int:
    """Until the steps end; how many have died by then."""
    for step, value in steps:
        match step:
            case "die":
                await on.die(*(f"i{told + number}" for number in range(value)))
                told += value
            case "weather":
                engine.turn(value)
            case "wait":
                await on.clock.advance(value)
            case "end":
                with contextlib.suppress(IndexError):
                    engine.end(value)
            case "purge":
                # Rows of the database; what it was told, this test goes on counting.
                for one in engine.known.notifications:
                    one["notification_uuid"] = "purged"
                    one["status"] = "finished"
    return told


@given(STEPS)
@settings(max_examples=60, deadline=None)
async def test_whatever_happens_each_death_is_taken_once(steps: list[tuple[str, Any]]) -> None:
    engine, told = Masakari(FakeClock()), 0
    disk = Disk()
    while True:
        here = next((n for n, (step, _) in enumerate(steps) if step == "cut"), len(steps))
        async with stage(PACE, engine=engine, store=disk) as on:
            told = await play(on, engine, steps[:here], told)
            if here < len(steps):
                steps, disk = steps[here + 1 :], disk.cut()
                continue
            engine.turn(Weather.FINE)
            # The engine itself never ends with anything any more: a patience for each two.
            await on.clock.advance((PACE.patience + 60) * (told // PACE.limit + 2) + 400)
        break
    assert sorted(engine.taken()) == sorted(f"i{number}" for number in range(told))
    assert {row.status for row in disk.recent(1000)} <= {ReportStatus.DELIVERED}
