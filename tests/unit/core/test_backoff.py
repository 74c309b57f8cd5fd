import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.backoff import backoff


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 2.0), (2, 4.0), (3, 8.0), (5, 30.0), (10_000_000, 30.0), (0, 2.0)]
)
def test_doubles_up_to_the_limit(attempt: int, seconds: float) -> None:
    assert backoff(attempt, first=2.0, limit=30.0) == seconds


def test_no_first_pause_is_no_pause() -> None:
    assert backoff(5, first=0.0, limit=30.0) == 0.0


@given(st.integers(1, 10**9), st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_never_shrinks_and_never_passes_the_limit(attempt: int, first: float, limit: float) -> None:
    assert 0 < backoff(attempt, first, limit) <= backoff(attempt + 1, first, limit) <= limit
