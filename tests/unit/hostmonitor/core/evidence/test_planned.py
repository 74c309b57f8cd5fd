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
    READ_FOR,
    UNREAD_FOR,
    UPGRADED_FOR,
    WorkReadings,
    WorkRecord,
    memo,
    memo_read,
    restore,
    restore_read,
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
    assert (work, kept) == (Work.STANDBY, WorkRecord(kept=LINKS, seen=dict.fromkeys(LINKS, WHEN)))
    shown = kept.shown(("storage",), at(60))
    assert (shown.shown_by, shown.kept) == (("storage",), ("manage",))
    assert shown.seen == {"storage": at(60).wall, "manage": WHEN}
    over = shown.shown((), at(90))
    assert over.stands and over.seen == {"manage": WHEN}, "nobody has read manage"
    assert not over.without("manage").stands and over.without("storage").stands


def test_a_link_that_is_configured_no_more_could_never_say_that_it_is_over() -> None:
    words = memo(Work.MAINTENANCE, WorkRecord(shown_by=("backup",), seen={"backup": WHEN}))
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


@given(JSON | st.fixed_dictionaries({"kind": JSON, "links": JSON, "seen": JSON, "seen_by": JSON}))
def test_words_of_any_shape_can_be_restored(words: object) -> None:
    work, record = restore(words, LINKS)  # type: ignore[arg-type]
    assert record.stands is (work is not Work.NONE) and set(record.kept) <= set(LINKS)


def test_a_record_of_an_earlier_release_has_one_time_for_all_links_and_is_read_by_it() -> None:
    words = {"kind": "standby", "links": ["manage", "storage"], "seen": WHEN.isoformat()}
    assert restore(words, LINKS)[1] == WorkRecord(kept=LINKS, seen=dict.fromkeys(LINKS, WHEN))  # type: ignore[arg-type]
    written = memo(Work.STANDBY, WorkRecord(kept=LINKS, seen={"manage": WHEN, "storage": at(60).wall}))
    assert isinstance(written, dict) and written["seen"] == at(60).wall.isoformat()


@given(st.none() | st.dictionaries(st.sampled_from(["read", "at", "x"]), JSON))
def test_links_whose_work_was_never_read_are_known_whatever_stands_there(
    words: dict[str, object] | None,
) -> None:
    readings = restore_read(words, LINKS, served=True)  # type: ignore[arg-type]
    assert readings.unread == set(LINKS) - readings.noted.keys()
    if words is not None and words.get("upgraded") is not True:
        assert readings.unread_for == UNREAD_FOR


def read_back(readings: WorkReadings) -> WorkReadings:
    return restore_read(json.loads(json.dumps(memo_read(readings))), LINKS, served=True)


def test_what_was_read_is_known_after_a_restart() -> None:
    readings = restore_read(None, LINKS, served=False).begun(at(0)).read("storage", at(5))
    assert readings.unread == {"manage"}
    assert read_back(readings).begun(at(60)) == readings
    for odd in (None, {"read": "all"}):
        assert restore_read(odd, LINKS, served=False).unread == set(LINKS)


@pytest.mark.parametrize(
    ("later", "unread"), [(READ_FOR - 1, set[str]()), (READ_FOR, {"storage"}), (-3600.0, set[str]())]
)
def test_what_was_read_too_long_before_the_start_counts_no_more(later: float, unread: set[str]) -> None:
    readings = WorkReadings().read("storage", at(0)).read("manage", at(later))
    begun = read_back(readings).begun(at(later))
    assert begun.unread == unread and begun.unread_for == UNREAD_FOR
    assert begun.read("storage", at(later + 9)).unread == set()
    assert read_back(begun).begun(at(later)).unread == unread, "a restart makes it no younger"


def test_a_reading_of_a_release_that_noted_no_time_is_of_the_first_start_without_one() -> None:
    begun = restore_read({"read": ["storage", "manage"]}, LINKS, served=True).begun(at(0))
    assert begun.unread == set()
    assert read_back(begun).begun(at(READ_FOR)).unread == set(LINKS)


def test_a_clock_that_was_ahead_at_the_start_leaves_no_link_unread_that_is_read_now() -> None:
    begun = WorkReadings().read("storage", at(0)).begun(at(2 * READ_FOR))
    assert begun.read("storage", at(60)).unread == set()


def test_a_reading_is_noted_each_hour() -> None:
    readings = WorkReadings().read("storage", at(0))
    assert readings.read("storage", at(NOTED_EACH - 1)) is readings
    assert readings.read("storage", at(NOTED_EACH)).noted == {"storage": at(NOTED_EACH).wall}


def test_only_where_an_earlier_release_kept_no_record_it_holds_for_minutes_also_after_another_restart() -> (
    None
):
    assert restore_read(None, LINKS, served=False).unread_for == UNREAD_FOR
    assert restore_read({"read": []}, LINKS, served=True).unread_for == UNREAD_FOR
    upgraded = restore_read(None, LINKS, served=True)
    assert upgraded.unread_for == UPGRADED_FOR
    assert read_back(upgraded.read("storage", at(0))).unread_for == UPGRADED_FOR
    assert read_back(upgraded.read("storage", at(0)).read("manage", at(0))).unread_for == UNREAD_FOR


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
    record = WorkRecord(
        kept=LINKS, seen={} if seen is None else {"manage": at(seen).wall, "storage": now.wall}
    )
    assert record.void_at("manage", 10.0, now) == pytest.approx(void)


def test_that_it_stands_is_noted_now_and_then() -> None:
    record = WorkRecord(shown_by=LINKS, seen=dict.fromkeys(LINKS, WHEN))
    assert record.noted(LINKS, at(NOTED_EACH - 1)) is record
    due = at(NOTED_EACH)
    assert record.noted(LINKS, due).seen == dict.fromkeys(LINKS, due.wall)
    assert record.noted(LINKS, at(-1)).seen == dict.fromkeys(LINKS, at(-1).wall), "the clock was set back"
    assert record.noted(["storage"], due).seen == {"manage": WHEN, "storage": due.wall}, (
        "by those that are seen"
    )
    assert WorkRecord(shown_by=LINKS).noted(LINKS, at(0)).seen == dict.fromkeys(LINKS, WHEN)


def test_work_that_another_link_shows_makes_no_link_younger() -> None:
    record = WorkRecord(shown_by=("manage",), kept=("tenant",), seen={"manage": WHEN, "tenant": WHEN})
    later = record.shown(("manage", "storage"), at(3600))
    assert later.seen == {"manage": WHEN, "tenant": WHEN, "storage": at(3600).wall}
    assert later.without("tenant").seen.keys() == {"manage", "storage"}
