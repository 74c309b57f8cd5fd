"""The moments of the rows that wait."""

from dataclasses import replace

from masakarimonitors.core.decision import Instant, Withdraw
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.masakari_answers import Duplicate
from masakarimonitors.outbox.delivery.timing import Timing
from masakarimonitors.outbox.rows import Row
from tests.fixtures.fake_clock import EPOCH
from tests.unit.outbox.pace.test_pacing import PACE, stage

T0 = 1000.0
DIED = VmNotification("c1", EPOCH, event="LIFECYCLE", instance_uuid="u", vir_domain_event="STOPPED_FAILED")


def row(row_id: int, made: float = T0) -> Row:
    return Row.new(row_id, DIED, "", Instant(made, EPOCH))


def test_a_row_is_due_at_once_until_it_is_told_to_wait_and_again_when_it_was_answered() -> None:
    timing = Timing(100.0, lambda row_id: True)
    assert (timing.due(1), timing.in_window(1), timing.leave_window(1)) == (0.0, False, False)
    timing.wait(1, T0 + 5, window=True)
    timing.wait(1, T0 + 9)
    assert (timing.due(1), timing.in_window(1)) == (T0 + 9, True)
    assert (timing.leave_window(1), timing.leave_window(1)) == (True, False)
    timing.answered(1)
    assert timing.due(1) == 0.0


def test_a_row_is_over_when_its_time_has_passed_and_an_old_one_not_at_once() -> None:
    timing = Timing(86400.0, lambda row_id: True)
    assert not timing.is_over(row(1), T0) and not timing.is_over(row(1), T0 + 86399.0)
    assert timing.is_over(row(1), T0 + 86400.0)
    old = row(2, T0 - 1e9)
    assert not timing.is_over(old, T0) and not timing.is_over(old, T0 + 3599.0)
    assert timing.is_over(old, T0 + 3600.0)


def test_rows_that_have_ended_leave_nothing_behind() -> None:
    waiting = {5000}
    timing = Timing(100.0, waiting.__contains__)
    timing.wait(5000, T0, window=True)
    for row_id in range(5000):
        timing.wait(row_id, T0)
    assert len(timing) < 200 and timing.in_window(5000)
    timing.forget(5000)
    assert not timing.in_window(5000)


async def test_reports_that_an_older_one_hides_and_that_are_taken_back_leave_nothing_behind() -> None:
    async with stage(replace(PACE, limit=0)) as on:
        on.engine.answer = lambda told: Duplicate("409")
        for _ in range(300):
            await on.submit(on.report("a"))
            await on.submit(Withdraw("vm:a", "it runs again"))
        assert on.outbox.waiting == 0 and len(on.delivery.timing) < 200


def test_what_is_put_off_is_not_given_up_within_the_hour_after() -> None:
    timing = Timing(86400.0, lambda row_id: True)
    timing.put_off(row(1), T0 + 10.0)
    assert timing.expires(row(1), T0) == T0 + 86400.0, "that is no sooner than it was"
    timing.put_off(row(1), T0 + 86400.0)
    assert timing.expires(row(1), T0) == T0 + 86400.0 + 3600.0
