"""An answer that is given again while it is fresh."""

import pytest

from masakarimonitors.status.kept import Kept
from tests.fixtures.fake_clock import FakeClock


class Making:
    """What takes so many seconds to make, and counts how often it was made."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.made = 0

    def __call__(self) -> int:
        self.clock.stand_still(self.seconds)
        self.made += 1
        return self.made


def test_however_many_ask_a_tenth_of_the_time_is_taken() -> None:
    clock = FakeClock()
    making = Making(clock, 0.02)
    answer = Kept(making, clock)
    begun = clock.now().monotonic
    for _ in range(2000):  # four who ask fifty times a second, for ten seconds
        answer()
        clock.stand_still(0.005)
    assert making.made * 0.02 <= 0.11 * (clock.now().monotonic - begun)
    assert making.made > 20, "and it is made anew all the time"


def test_who_asks_now_and_then_hears_how_it_is_now() -> None:
    clock = FakeClock()
    answer = Kept(Making(clock, 0.02), clock)
    heard = []
    for _ in range(3):
        heard.append(answer())
        clock.stand_still(1.0)
    assert heard == [1, 2, 3]


@pytest.mark.parametrize("seconds", [1.0, 3600.0])
def test_what_took_long_to_make_is_not_given_for_long(seconds: float) -> None:
    clock = FakeClock()
    answer = Kept(Making(clock, seconds), clock)
    assert answer() == 1
    clock.stand_still(4.9)
    assert answer() == 1
    clock.stand_still(0.2)
    assert answer() == 2


def test_of_what_fails_nothing_is_kept() -> None:
    clock, faults = FakeClock(), [ValueError("odd"), None]

    def make() -> str:
        clock.stand_still(1.0)
        if (fault := faults.pop(0)) is not None:
            raise fault
        return "well"

    answer = Kept(make, clock)
    with pytest.raises(ValueError, match="odd"):
        answer()
    assert answer() == "well"
