"""A row and its body say the same, at every step."""

import datetime
import json
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, to_wire
from masakarimonitors.outbox.rows import Row, said_by

NOW = Instant(1.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
LATER = Instant(200.0, NOW.wall + datetime.timedelta(seconds=199, microseconds=5))
DIED = ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, "nova-compute")


def test_a_new_row_says_what_was_decided_and_was_never_offered() -> None:
    row = Row.new(7, DIED, "it died", NOW)
    assert (row.id, row.subject, row.notification, row.why) == (7, DIED.subject, DIED, "it died")
    assert json.loads(row.body) == to_wire(DIED) and said_by(row.body) == DIED
    assert (row.attempts, row.in_doubt, row.reoffered, row.made_at) == (0, False, False, NOW.wall)


def test_the_same_failure_told_again_differs_in_its_time_alone() -> None:
    row = replace(Row.new(7, DIED, "it died", NOW), in_doubt=True)
    again = row.restamped(LATER)
    assert again.notification == replace(DIED, generated_time=LATER.wall)
    assert json.loads(again.body) == to_wire(replace(DIED, generated_time=LATER.wall))
    assert (again.in_doubt, again.reoffered) == (False, True)
    # An answer to it is still an answer to the report that was made.
    assert again.made_at == NOW.wall


def test_rows_with_the_same_body_are_the_same() -> None:
    row = Row.new(7, DIED, "it died", NOW)
    assert replace(row, notification=None) == row
