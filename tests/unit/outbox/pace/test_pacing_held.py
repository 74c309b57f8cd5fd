"""What its monitor does not let leave takes nobody's turn at masakari's engine."""

import pytest

from masakarimonitors.core.notification import Leave
from masakarimonitors.outbox.delivery.held import SILENCED_AGAIN
from masakarimonitors.outbox.rows import Row
from tests.unit.outbox.pace.test_pacing import PACE, names, stage


@pytest.mark.parametrize("leave", [Leave.LATER, Leave.SILENCED])
async def test_blind_what_may_not_leave_keeps_no_other_death_waiting(leave: Leave) -> None:
    """It is asked about every few seconds, which is as often as one may go blindly."""

    def may_offer(row: Row) -> Leave:
        return leave if row.subject in ("vm:x", "vm:y", "vm:z") else Leave.NOW

    async with stage(may_offer=may_offer) as on:
        on.engine.known.fails = "403 Policy doesn't allow"
        await on.die("x", "y", "z")
        await on.clock.advance(60)
        await on.die(*names(6))
        await on.clock.advance(6 * PACE.blind_interval)
        assert on.engine.taken() == names(6)
        assert [on.status(one) for one in ("x", "y", "z")] == ["pending"] * 3


async def test_what_is_let_go_takes_its_turn_then() -> None:
    leave = Leave.SILENCED
    async with stage(may_offer=lambda row: leave if row.subject == "vm:x" else Leave.NOW) as on:
        on.engine.known.fails = "403 Policy doesn't allow"
        await on.die("x", *names(2))
        await on.clock.advance(2 * PACE.blind_interval)
        assert on.engine.taken() == names(2)
        leave = Leave.NOW
        await on.clock.advance(2 * SILENCED_AGAIN)
        assert on.engine.taken() == [*names(2), "x"]


async def test_what_is_let_go_after_hours_asks_first_whether_its_host_was_recovered_meanwhile() -> None:
    """Whoever has looked for another reason a moment before did not look back so far."""
    leave = Leave.SILENCED

    def may_offer(row: Row) -> Leave:
        return leave if row.subject == "vm:x" else Leave.NOW

    async with stage(may_offer=may_offer) as first:
        await first.die("x")
        await first.clock.advance(2)
    host = first.engine.report_host()
    await first.clock.advance(300)
    first.engine.end(which=host)
    await first.clock.advance(6 * 3600.0)
    async with stage(on=first, may_offer=may_offer) as on:
        await on.clock.advance(4)
        await on.die("y")
        await on.clock.advance(10)
        leave = Leave.NOW
        await on.clock.advance(10)
        assert (on.status("x"), on.engine.taken()) == ("withdrawn", ["y"])
