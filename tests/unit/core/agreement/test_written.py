"""The comparison on disk, and what of it is shown."""

import datetime
import json
from typing import Any

import pytest

from masakarimonitors.core.agreement import book as agreement
from masakarimonitors.core.agreement.book import WINDOW, Book, Said
from masakarimonitors.core.agreement.told import FAILED, Statement
from masakarimonitors.core.agreement.written import SHOWN, from_json, shown, to_json
from tests.fixtures.fake_clock import EPOCH

LATER = EPOCH + datetime.timedelta(days=1)


def full() -> Book:
    book = Book(began=EPOCH, since=EPOCH)
    book = agreement.ruled(book, "host:a", Said("held", "a storm", EPOCH))
    moment = EPOCH + datetime.timedelta(seconds=1000)
    for number in range(60):
        told = Statement(subject=f"host:{number}", sense=FAILED, says="STOPPED", at=moment, uuid=f"u{number}")
        book = agreement.shown(book, [told], moment)
    book = agreement.judge(book, moment + datetime.timedelta(seconds=WINDOW + 1))
    return agreement.would_send(book, Statement(subject="host:x", sense=FAILED, says="STOPPED", at=LATER))


def test_it_comes_back_from_disk_as_it_was() -> None:
    book = full()
    again = from_json(json.loads(json.dumps(to_json(book))), LATER)
    assert (again.pending, again.judged, again.counts) == (book.pending, book.judged, book.counts)
    assert (again.began, again.read, again.known, again.since) == (book.began, book.read, book.known, LATER)


def test_times_of_the_future_are_of_another_clock() -> None:
    again = from_json(to_json(full()), EPOCH)
    assert again.began == EPOCH and again.read == EPOCH


@pytest.mark.parametrize(
    "bent",
    [
        None,
        [],
        {},
        {"format": 2},
        to_json(full()) | {"began": "yesterday"},
        to_json(full()) | {"began": "2026-01-01T00:00:00"},
        to_json(full()) | {"counts": {"perhaps": 1}},
        to_json(full()) | {"pending": [{"state": "pending", "ours": None, "theirs": None, "why": ""}]},
        to_json(full()) | {"judged": [{"state": "both"}]},
    ],
)
def test_what_makes_no_sense_is_refused(bent: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(bent, EPOCH)


def test_people_see_the_counts_and_the_last_disagreements() -> None:
    told = shown(full(), "503")
    assert told["agreement"] == {"pending": 1, "both": 0, "only we": 0, "only they": 60}
    rows: Any = told["disagreements"]
    assert len(rows) == SHOWN and rows[0]["subject"] == "host:59" and rows[0]["notification"] == "u59"
    assert told["trouble"] == "503"
