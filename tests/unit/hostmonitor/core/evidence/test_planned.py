"""Planned work over restarts: what is kept of it, for how long, and what cannot be understood."""

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.evidence.planned import (
    KEPT_FOR,
    NO_WORK,
    NOTED_EACH,
    UNREAD_FOR,
    UPGRADED_FOR,
    WorkRecord,
    memo,
    memo_read,
    restore,
    restore_unread,
    unread_for,
)
from masakarimonitors.hostmonitor.core.observation import Work

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
LINKS = ("manage", "storage")


def at(seconds: float, monotonic: float | None = None) -> Instant:
    """A moment `seconds` after WHEN; `monotonic`: where the two clocks do not agree."""
    return Instant(seconds if monotonic is None else monotonic, WHEN + datetime.timedelta(seconds=seconds))


def test_what_is_shown_is_kept_over_a_restart_until_its_link_is_read_again() -> None:
    record = NO_WORK.shown(("manage", "storage"), at(0))
    assert record.stands
    work, kept = restore(json.loads(json.dumps(memo(Work.STANDBY, record))), LINKS)
    assert (work, kept) == (Work.STANDBY, WorkRecord(kept=LINKS, seen=WHEN))
    shown = kept.shown(("storage",), at(60))
    assert (shown.shown_by, shown.kept) == (("storage",), ("manage",))
    over = shown.shown((), at(90))
    assert over.stands and over.seen == at(60).wall, "nobody has read manage"
    assert not over.without("manage").stands and over.without("storage").stands


def test_a_link_that_is_configured_no_more_could_never_say_that_it_is_over() -> None:
    words = memo(Work.MAINTENANCE, WorkRecord(shown_by=("backup",), seen=WHEN))
    assert restore(words, LINKS) == (Work.NONE, NO_WORK)


@pytest.mark.parametrize(
    "words",
    [
        None,
        "maintenance",
        {},
        {"kind": "maintenance"},
        {"kind": "none", "links": ["manage"]},
        {"kind": "coffee", "links": ["manage"]},
        {"kind": "standby", "links": []},
        {"kind": "standby", "links": "manage"},
    ],
)
def test_a_broken_record_is_not_known_to_be_no_work(words: object) -> None:
    assert restore(words, LINKS) == (Work.MAINTENANCE, WorkRecord(kept=LINKS))  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["manage", "standby"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON | st.fixed_dictionaries({"kind": JSON, "links": JSON, "seen": JSON}))
def test_words_of_any_shape_can_be_restored(words: object) -> None:
    work, record = restore(words, LINKS)  # type: ignore[arg-type]
    assert record.stands is (work is not Work.NONE) and set(record.kept) <= set(LINKS)


@given(st.none() | st.dictionaries(st.sampled_from(["read", "x"]), JSON))
def test_links_whose_work_was_never_read_are_known_whatever_stands_there(
    words: dict[str, object] | None,
) -> None:
    assert restore_unread(words, LINKS) <= set(LINKS)  # type: ignore[arg-type]
    if words is not None and words.get("upgraded") is not True:
        assert unread_for(words, served=True) == UNREAD_FOR  # type: ignore[arg-type]


def test_what_was_read_is_known_after_a_restart() -> None:
    assert restore_unread(memo_read({"storage"}), LINKS) == {"manage"}
    assert restore_unread(None, LINKS) == restore_unread({"read": "all"}, LINKS) == set(LINKS)


def test_only_where_an_earlier_release_kept_no_record_it_holds_for_minutes_also_after_another_restart() -> (
    None
):
    assert unread_for(None, served=False) == unread_for({"read": []}, served=True) == UNREAD_FOR
    assert unread_for(None, served=True) == UPGRADED_FOR
    assert unread_for(memo_read({"storage"}, UPGRADED_FOR), served=True) == UPGRADED_FOR
    assert unread_for(memo_read({"storage"}, UNREAD_FOR), served=True) == UNREAD_FOR


@pytest.mark.parametrize(
    ("seen", "now", "void"),
    [
        (0.0, at(100.0), KEPT_FOR),  # this monitor was started at second 10
        (None, at(100.0), 10.0 + KEPT_FOR),
        (-3600.0, at(100.0), KEPT_FOR - 3600.0),
        (-10 * KEPT_FOR, at(100.0), 10.0),
        (10 * KEPT_FOR, at(100.0), 10.0 + KEPT_FOR),  # by a clock that was set back since
    ],
)
def test_what_is_kept_has_an_age(seen: float | None, now: Instant, void: float) -> None:
    record = WorkRecord(kept=LINKS, seen=None if seen is None else at(seen).wall)
    assert record.void_at(10.0, now) == pytest.approx(void)


def test_that_it_stands_is_noted_now_and_then() -> None:
    record = WorkRecord(shown_by=LINKS, seen=WHEN)
    assert record.is_noted(at(NOTED_EACH - 1)) and not record.is_noted(at(NOTED_EACH))
    assert not record.is_noted(at(-1)), "the clock was set back"
    assert record.noted(at(NOTED_EACH)).is_noted(at(NOTED_EACH))
    assert not WorkRecord(shown_by=LINKS).is_noted(at(0))
