"""What is remembered of reports that are followed no longer."""

import datetime

import pytest

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.outbox.follow_through.let_go import KEY, LetGo, note, remembered
from masakarimonitors.outbox.progress import Progress

DAY = 86400.0
NOW = Instant(1000.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
LATER = Instant(50.0, NOW.wall + datetime.timedelta(seconds=3600))


def test_it_comes_back_with_the_time_that_is_left() -> None:
    said = note("vm:1", LetGo(True, Progress.STUCK, NOW.monotonic + 7200), NOW)
    assert said.key == KEY + "vm:1" and said.value is not None
    found = remembered({said.key: said.value, "host": {}}, LATER, DAY)
    assert found == {"vm:1": LetGo(True, Progress.STUCK, LATER.monotonic + 3600)}
    assert note("vm:1", None, NOW).value is None


@pytest.mark.parametrize(
    ("until", "left"),
    [("2126-01-01T00:00:00+00:00", DAY), ("1926-01-01T00:00:00+00:00", 0.0), ("2026-01-01", DAY), ([], DAY)],
)
def test_what_makes_no_sense_is_told_for_a_day(until: JSON, left: float) -> None:
    value: dict[str, JSON] = {"host": "x", "progress": "unheard of", "until": until}
    assert remembered({KEY + "vm:1": value}, NOW, DAY) == {
        "vm:1": LetGo(False, Progress.DELIVERED, NOW.monotonic + left)
    }
