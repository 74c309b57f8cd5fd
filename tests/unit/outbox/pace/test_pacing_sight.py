"""What masakari's engine makes of the reports is followed through restarts, outages of its API and old leftovers."""

import pytest

from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_engine import HOST, FakeEngine
from tests.unit.outbox.pace.test_pacing import PACE, Stage, stage

AWAY = PACE.patience + 300


async def stuck(on: Stage) -> None:
    """Two have died, and the engine was killed while it worked on them."""
    await on.die("a", "b")
    await on.clock.advance(20)
    for one in on.engine.unfinished():
        one["status"] = "running"


@pytest.mark.parametrize("known", [False, True])
async def test_a_restart_forgets_nothing_that_stands_there_for_too_long(known: bool) -> None:
    """`known`: it was said before the restart, too."""
    async with stage() as first:
        await stuck(first)
        await first.clock.advance(AWAY if known else 0)
        assert len(first.alarms()) == (2 if known else 0)
    await first.clock.advance(0 if known else AWAY)
    async with stage(on=first) as on:
        await on.clock.advance(60)
        assert len(on.alarms()) == 2 and all("has not ended with" in told for told in on.alarms())
        assert (all(row.followed for row in on.rows()), on.delivery.pacing.overdue) == (True, 2)
        on.engine.end("failed")
        await on.clock.advance(120)
        assert len(on.alarms()) == 2 and "given up the report about vm:a" in on.alarms()[0]


async def test_what_has_ended_while_the_monitor_was_away_is_no_fault() -> None:
    async with stage() as first:
        await first.die("a", "b")
        await first.clock.advance(20)
    await first.clock.advance(AWAY)
    for one in first.engine.unfinished():
        first.engine.end(which=one)
    async with stage(on=first) as on:
        await on.clock.advance(60)
        assert on.alarms() == [] and [row.answer.rsplit(": ", 1)[1] for row in on.rows()] == ["finished"] * 2


async def test_an_api_that_cannot_be_read_when_the_engine_should_have_ended_hides_nothing() -> None:
    async with stage() as on:
        await stuck(on)
        await on.clock.advance(PACE.patience - 80)
        on.engine.known.fails = "503"
        await on.clock.advance(90)
        assert on.alarms() == []
        on.engine.known.fails = ""
        await on.clock.advance(300)
        assert len(on.alarms()) == 2 and all("has not ended with" in told for told in on.alarms())
        on.engine.end("failed")
        await on.clock.advance(120)
        assert "given up the report about vm:a" in on.alarms()[0]


async def test_that_masakari_knows_a_report_no_more_is_an_alarm() -> None:
    async with stage() as on:
        await on.die("a")
        await on.clock.advance(20)
        on.engine.known.notifications.clear()
        await on.clock.advance(120)
        assert not on.alarms(), "once is not believed"
        await on.clock.advance(200)
        (told,) = on.alarms()
        assert "vm:a" in told and "404" in told


async def test_what_the_engine_has_left_behind_hours_ago_holds_nothing_at_a_start() -> None:
    engine = FakeEngine(FakeClock())
    payload = {"event": "LIFECYCLE", "vir_domain_event": "STOPPED_FAILED"}
    stamp = engine.clock.now().wall.replace(tzinfo=None).isoformat()
    for number in range(2):
        engine.known.file(HOST, "VM", payload | {"instance_uuid": f"x{number}"}, stamp, status="running")
    await engine.clock.advance(6 * 3600)
    async with stage(engine=engine) as on:
        await on.die("a", "b")
        await on.clock.advance(30)
        assert (on.status("a"), on.status("b"), on.faults) == ("delivered", "delivered", [])
