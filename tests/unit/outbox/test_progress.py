"""Where a report that masakari has stands: by what masakari says, and for how long."""

import itertools

import pytest

from masakarimonitors.outbox.messages import PROGRESS
from masakarimonitors.outbox.progress import (
    ALARMS,
    KEPT,
    MOVES,
    UNENDED,
    UNRECOVERED,
    FollowPolicy,
    Progress,
    Said,
    Seen,
    said,
)

POLICY = FollowPolicy()
FOR_PEOPLE = {
    Said.NEW: Progress.DELIVERED,
    Said.QUEUED: Progress.DELIVERED,
    Said.NEW_FOR_LONG: Progress.NOT_BEGUN,
    Said.RUNNING: Progress.WORKED_ON,
    Said.RUNNING_FOR_LONG: Progress.STUCK,
    Said.ERROR: Progress.TRIED_ONCE,
    Said.ERROR_FOR_LONG: Progress.STUCK,
    Said.FINISHED: Progress.FINISHED,
    Said.IGNORED: Progress.IGNORED,
    Said.FAILED: Progress.FAILED,
    Said.ODD: Progress.UNCLEAR,
    Said.UNKNOWN: Progress.LOST,
    Said.DAY: Progress.FORGOTTEN,
    Said.OVER: None,
}


@pytest.mark.parametrize(("before", "what"), list(itertools.product(Progress, Said)))
def test_every_move_is_in_the_table_and_no_other(before: Progress, what: Said) -> None:
    if before in UNENDED:
        expected = FOR_PEOPLE[what]
    elif before in UNRECOVERED:
        expected = {Said.OVER: Progress.CLEARED, Said.DAY: Progress.FORGOTTEN}.get(what)
    else:
        expected = None
    assert MOVES.get((before, what)) is expected


def test_what_asks_for_a_person_is_followed_and_what_is_finished_is_not() -> None:
    assert ALARMS < KEPT and Progress.FINISHED not in KEPT
    assert set(PROGRESS) == set(Progress)


@pytest.mark.parametrize(
    ("status", "seconds", "queued", "expected"),
    [
        ("new", 179.0, False, Said.NEW),
        ("new", 180.0, False, Said.NEW_FOR_LONG),
        ("new", 180.0, True, Said.QUEUED),
        ("running", 1199.0, False, Said.RUNNING),
        ("running", 1200.0, True, Said.RUNNING_FOR_LONG),
        ("error", 1199.0, False, Said.ERROR),
        ("error", 1200.0, False, Said.ERROR_FOR_LONG),
        ("finished", 1e6, False, Said.FINISHED),
        ("ignored", 0.0, False, Said.IGNORED),
        ("failed", 1e6, False, Said.FAILED),
        ("a word of another release", 10.0, False, Said.ODD),
        ("a word of another release", 1200.0, True, Said.ODD),
        ("", 10.0, False, Said.ODD),
    ],
)
def test_what_masakari_says_and_for_how_long_it_does(
    status: str, seconds: float, queued: bool, expected: Said
) -> None:
    assert said(Seen(status=status, seconds=seconds), POLICY, queued=queued) is expected


def test_what_masakari_knows_no_more_is_a_word_of_its_own() -> None:
    assert said(None, POLICY) is Said.UNKNOWN


def test_the_looks_grow_rarer_and_a_thousand_hosts_make_one_request_a_second() -> None:
    moments = list(itertools.accumulate(POLICY.wait(look) for look in range(6)))
    assert moments == [200.0, 400.0, 800.0, 1300.0, 2300.0, 3300.0]
    assert moments[0] > POLICY.begin and moments[3] > POLICY.work
    monitors_of_a_host = 3
    assert 1000 * monitors_of_a_host / POLICY.late_gap <= 1.0 and POLICY.gap >= 1.0
