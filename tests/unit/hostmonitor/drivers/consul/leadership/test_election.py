"""What stands in the store is read as it was written, by this release or by another."""

import base64
import datetime
import json
import math

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.candidate import Candidate, read_candidate, write_candidate
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, write_ledger
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import (
    ElectionRecord,
    Shown,
    read_record,
)

ALL = frozenset({"manage", "tenant", "storage"})
HALF = frozenset({"manage"})


def candidate(node: str, sees: frozenset[str] = ALL) -> Candidate:
    return Candidate(node, sees)


def entry(host_status: HostStatus = HostStatus.NORMAL, delivered: bool = True) -> LedgerEntry:
    return LedgerEntry(host_status, datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC), delivered)


def keys(*rows: tuple[str, bytes, str]) -> bytes:
    return json.dumps(
        [
            {"Key": f"p/{key}", "Value": base64.b64encode(value).decode(), **({"Session": s} if s else {})}
            for key, value, s in rows
        ]
    ).encode()


def test_the_record_is_read_as_it_was_written() -> None:
    ledger = {"node05": entry(), "node06": entry(HostStatus.UNKNOWN, delivered=False)}
    body = keys(
        ("reporter", write_candidate(candidate("a")), "s1"),
        ("challenge", write_candidate(candidate("b", HALF)), ""),
        ("ledger", write_ledger(ledger), ""),
    )
    assert read_record(body, "p/") == ElectionRecord(
        session="s1", leader=candidate("a"), challenge=candidate("b", HALF), ledger=ledger
    )


def test_what_stands_in_the_store_keeps_its_form() -> None:
    """Monitors of several releases elect one reporter together."""
    assert write_candidate(candidate("a")) == b'{"node": "a", "sees": ["manage", "storage", "tenant"]}'


def test_what_is_known_is_added_to_it_and_what_is_not_is_left_out() -> None:
    known = Candidate("a", HALF, delivers=False, beat=7)
    assert write_candidate(known) == b'{"node": "a", "sees": ["manage"], "delivers": false, "beat": 7}'
    assert read_candidate(write_candidate(known)) == known


@pytest.mark.parametrize("more", [{}, {"delivers": "yes", "beat": "x", "shoe_size": 43}, {"beat": True}])
def test_what_another_release_writes_names_the_candidate_all_the_same(more: dict[str, object]) -> None:
    body = json.dumps({"node": "a", "sees": ["manage"], **more}).encode()
    assert read_candidate(body) == Candidate("a", HALF)


def test_a_lock_without_a_session_is_free() -> None:
    assert read_record(keys(("reporter", write_candidate(candidate("a")), "")), "p/").session == ""
    assert read_record(b"[]", "p/") == ElectionRecord()


def test_a_ledger_that_is_missing_is_not_an_empty_one() -> None:
    assert read_record(keys(("reporter", write_candidate(candidate("a")), "s1")), "p/").ledger is None
    assert read_record(keys(("ledger", b"{}", "")), "p/").ledger == {}


def test_an_unreadable_ledger_is_not_an_empty_one() -> None:
    assert read_record(keys(("ledger", b"{oops", "")), "p/").ledger is None


def record(index: int, session: str = "s1", beat: int | None = None) -> ElectionRecord:
    return ElectionRecord(session=session, leader=Candidate("a", HALF, beat=beat), index=index)


def test_an_older_answer_does_not_undo_a_newer_one() -> None:
    """Asked for before the newer one came, and shown by a lower index."""
    newer = Shown().after(record(9), 1.0, 2.0)
    assert newer.after(record(8, "s0"), 1.5, 3.0) is newer
    # Asked for since: the store was restored from a snapshot, and counts anew.
    assert newer.after(record(3, "s0"), 2.5, 3.0).record == record(3, "s0")
    assert newer.after(record(10, "s2"), 1.5, 3.0).record == record(10, "s2")


def test_a_holder_lives_for_as_long_as_its_sign_of_life_changes() -> None:
    shown = Shown().after(record(1, beat=1), 0.0, 1.0)
    assert shown.alive_until(45.0) == 46.0
    assert shown.after(record(2, beat=1), 5.0, 6.0).alive_until(45.0) == 46.0
    assert shown.after(record(2, beat=2), 5.0, 6.0).alive_until(45.0) == 51.0
    assert shown.after(record(2, "s2", beat=1), 5.0, 6.0).alive_until(45.0) == 51.0
    # What is read again after a break is no sign of life by itself.
    assert shown.out_of_date().after(record(2, beat=1), 5.0, 6.0).alive_until(45.0) == 46.0


def test_a_holder_of_an_older_release_lives_for_as_long_as_its_session() -> None:
    assert Shown().after(record(1), 0.0, 1.0).alive_until(45.0) == math.inf


def test_what_this_node_writes_itself_is_shown_from_then_on() -> None:
    shown = Shown().after(record(1), 0.0, 1.0).changed(ledger={"node05": entry()})
    assert shown.record is not None and shown.record.ledger == {"node05": entry()}
    assert Shown().changed(ledger={}).record is None
