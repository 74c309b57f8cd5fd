import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability, Counters, VcpuTime
from masakarimonitors.introspectiveinstancemonitor.core.outside.activity import Signs, compare, frozen

SECOND = 1_000_000_000


def reading(
    at: float, *, cpu: float = 0, vcpus: tuple[float, ...] = (), requests: int | None = 0, **more: object
) -> Counters:
    """Processor times in seconds."""
    return Counters(
        uuid="u",
        run="run",
        at=at,
        availability=Availability.RUNNING,
        cpu=int(cpu * SECOND),
        vcpus=tuple(VcpuTime(int(v * SECOND), 0) for v in vcpus),
        requests=requests,
        **more,  # type: ignore[arg-type]
    )


def signs(before: Counters, after: Counters) -> Signs:
    found = compare(before, after)
    assert found is not None
    return found


def test_completed_block_requests_prove_life() -> None:
    found = signs(reading(0, cpu=1, requests=500), reading(10, cpu=2, requests=503))
    assert found.moving
    assert "3 block requests completed in 10 s" in found.words


def test_a_stopped_qemu_uses_no_processor_time_and_is_not_at_work() -> None:
    before, after = reading(0, cpu=7), reading(10, cpu=7, requests=None)
    assert frozen(before, after)
    assert signs(before, after) == Signs(False, "QEMU used no processor time at all for 10 s", frozen=True)


@pytest.mark.parametrize(
    ("load", "moving"),
    [
        (0.01, False),
        (0.03, False),
        (0.10, False),
        (0.2, True),
        (0.5, True),
        (0.89, True),
        (0.97, False),
        (1, False),
    ],
)
def test_a_processor_that_works_and_rests_is_alive_one_that_idles_or_spins_may_be_hung(
    load: float, moving: bool
) -> None:
    assert signs(reading(0, cpu=1, vcpus=(0,)), reading(10, cpu=9, vcpus=(load * 10,))).moving is moving


def test_a_panic_loop_on_one_of_four_processors_is_not_life() -> None:
    found = signs(reading(0, cpu=1, vcpus=(0, 0, 0, 0)), reading(10, cpu=11, vcpus=(0.0, 9.99, 0.0, 0.1)))
    assert not found.moving
    assert "0%, 100%, 0%, 1%" in found.words


def test_a_spinning_guest_on_an_overloaded_host_is_not_taken_for_a_busy_one() -> None:
    before = Counters(
        uuid="u",
        run="run",
        at=0,
        availability=Availability.RUNNING,
        cpu=0,
        vcpus=(VcpuTime(0, 0),),
        requests=0,
    )
    after = Counters(
        uuid="u",
        run="run",
        at=10,
        availability=Availability.RUNNING,
        cpu=6,
        vcpus=(VcpuTime(6 * SECOND, 4 * SECOND),),
        requests=0,
    )
    assert not signs(before, after).moving


def test_stillness_is_not_established_while_block_requests_are_not_known() -> None:
    assert not signs(reading(0, cpu=1, requests=None), reading(10, cpu=2)).complete
    assert signs(reading(0, cpu=1), reading(10, cpu=2)).complete


@pytest.mark.parametrize(("cpu", "told"), [(1.0, True), (1.1, False), (4.0, False), (-4.0, False)])
def test_without_the_virtual_processors_only_a_qemu_that_rests_tells_anything(cpu: float, told: bool) -> None:
    """Of one that spins and of one that works the whole may be the same."""
    for requests in (None, 0):
        found = signs(reading(0, cpu=10), reading(10, cpu=10 + cpu, requests=requests))
        assert (found.moving, found.told) == (False, told)
    assert signs(reading(0, vcpus=(0,)), reading(10, cpu=10, vcpus=(9.9,))).told


def test_a_monitor_that_does_not_answer_is_as_still_as_it_gets() -> None:
    found = signs(
        reading(0, cpu=1), reading(10, cpu=2, requests=None, mute=True, unread="QEMU does not answer")
    )
    assert found.complete and not found.moving
    assert "QEMU does not answer" in found.words


@pytest.mark.parametrize(("load", "moving"), [(0.0, False), (0.4, True), (1.0, False)])
def test_one_whose_processors_work_is_at_work_though_qemus_monitor_does_not_answer(
    load: float, moving: bool
) -> None:
    before = reading(0, vcpus=(0,), requests=None, mute=True)
    found = signs(before, reading(10, cpu=4, vcpus=(10 * load,), requests=None, mute=True))
    assert (found.moving, found.frozen) == (moving, not moving)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_nor_is_it_still_for_certain_while_nobody_tells_what_its_processors_do(share: float) -> None:
    before = reading(0, requests=None, mute=True)
    assert signs(before, reading(10, cpu=10 * share, requests=None, mute=True)).told is (share <= 0.1)


def test_what_moved_is_life_however_soon_it_moved() -> None:
    assert signs(reading(0), reading(1.5, cpu=1, requests=9)).moving


def test_readings_too_close_or_of_two_lives_are_not_compared() -> None:
    assert compare(reading(0), reading(3.9, cpu=2, vcpus=(2,))) is None
    assert compare(reading(1), reading(1, requests=9)) is compare(reading(1), reading(0, requests=9)) is None
    other = Counters(uuid="u", run="next run", at=10, availability=Availability.RUNNING, cpu=0)
    assert compare(reading(0), other) is None


@settings(deadline=None)
@given(
    st.floats(4, 1000), st.integers(0, 10**9), st.integers(0, 10**9), st.lists(st.floats(0, 1), max_size=4)
)
def test_block_progress_is_life_whatever_else(span: float, cpu: int, more: int, loads: list[float]) -> None:
    before = reading(0, cpu=0, requests=10, vcpus=tuple(0.0 for _ in loads))
    after = reading(span, cpu=cpu + 1, requests=11 + more, vcpus=tuple(load * span for load in loads))
    assert signs(before, after).moving
