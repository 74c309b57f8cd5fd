"""Text of others: one kind of fault, whatever is wrong with it."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.outside import (
    known_moment,
    moment,
    moment_before,
    moment_in_utc,
    read_json,
    refuse_doctype,
)


@pytest.mark.parametrize("text", ['{"a": [1, null]}', b'{"a": [1, null]}'])
def test_json(text: str | bytes) -> None:
    assert read_json(text) == {"a": [1, None]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        "NaN",
        "[Infinity]",
        "-Infinity",
        "9" * 5000,
        b"\xff",
        b'"\xed\xa0"',
    ],
)
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


@pytest.mark.parametrize("before", ["", "\ufeff", "\n ", "<?xml version='1.0'?>", "<!-- x --><?p?> <!---->"])
def test_no_document_type(before: str) -> None:
    text = f"{before}<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    with pytest.raises(ValueError, match="document type"):
        refuse_doctype(text)


@pytest.mark.parametrize(
    "text", ["<!--" * 50_000, "<?" * 50_000, " " * 100_000, "<?x?>" * 50_000, "<!---->" * 50_000]
)
def test_looking_for_one_comes_to_an_end(text: str) -> None:
    refuse_doctype(text)


NO_MOMENT = [
    None,
    7,
    "",
    "yesterday",
    # Go's word for none, and what no clock of ours shows: near the calendar's ends nothing can be reckoned.
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
]


@pytest.mark.parametrize("text", [*NO_MOMENT, "2026-11-22T02:10:00"])
def test_what_names_no_moment(text: object) -> None:
    assert moment(text) is None
    with pytest.raises(ValueError, match="is no moment in a known zone"):
        known_moment(text)


@pytest.mark.parametrize("text", NO_MOMENT)
def test_what_names_none_in_any_zone(text: object) -> None:
    assert moment_in_utc(text) is None


def test_a_moment_is_in_utc_whatever_its_zone() -> None:
    told = datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC)
    assert moment("2026-11-22T10:05:00+02:00") == known_moment("2026-11-22T10:05:00+02:00") == told
    assert moment_in_utc("2026-11-22T08:05:00") == moment_in_utc("2026-11-22 10:05:00+02:00") == told
    found = moment("2026-11-22T10:05:00+02:00")
    assert found is not None and found.tzinfo is datetime.UTC


def test_how_long_ago_a_moment_was_and_that_one_to_come_was_never() -> None:
    now = Instant(100.0, datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC))
    assert moment_before("2026-11-22T08:04:30Z", now) == Instant(
        70.0, datetime.datetime(2026, 11, 22, 8, 4, 30, tzinfo=datetime.UTC)
    )
    assert moment_before("2026-11-22T08:05:01Z", now) is None
    assert moment_before("0001-01-01T00:00:00+14:00", now) is None
