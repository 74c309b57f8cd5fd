"""One suite for both stores: what the outbox may rely on."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.outbox.rows import Keep, Put, Row
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import MemoryStore, Store

NOW = Instant(1.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def row(number: int, name: str = "nova-compute") -> Row:
    return Row.new(
        number, ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, name), "it died", NOW
    )


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = SqliteStore(tmp_path / "outbox.sqlite") if request.param == "sqlite" else MemoryStore()
    yield store
    store.close()


def test_an_empty_store_loads_as_empty(store: Store) -> None:
    loaded = store.load()
    assert (loaded.pending, dict(loaded.memory), loaded.next_id) == ((), {}, 1)


def test_pending_rows_and_memory_come_back_in_order(store: Store) -> None:
    store.write([Put(row(2)), Put(row(1)), Keep("a", {"x": [1, "é", None]}), Keep("b", {})])
    store.write([Keep("b", None)])
    loaded = store.load()
    assert loaded.pending == (row(1), row(2))
    assert dict(loaded.memory) == {"a": {"x": [1, "é", None]}}
    assert loaded.next_id == 3


def test_odd_text_from_outside_is_kept_readable(store: Store) -> None:
    odd = replace(row(1), answer="500 \ud800", why="it said \udcff", status=ReportStatus.REFUSED)
    store.write([Put(odd), Put(row(2)), Keep("process:\udcff", {"seen": "\udcff"})])
    loaded = store.load()
    assert loaded.pending == (row(2),)
    assert len(loaded.memory) == 1
    assert [kept.answer[:3] for kept in store.recent(10)][1] == "500"
    store.write([Keep("process:\udcff", None)])
    assert store.load().memory == {}


def test_a_row_says_the_same_when_it_comes_back(store: Store) -> None:
    store.write([Put(row(1))])
    (kept,) = store.load().pending
    assert (kept.body, kept.notification) == (row(1).body, row(1).notification)
    assert kept.notification is not None


@pytest.mark.parametrize("body", ["{}", '{"notification": {"type": "RACK"}}'])
def test_a_row_that_says_nothing_known_is_kept_as_it_stands(store: Store, body: str) -> None:
    odd = replace(row(1), body=body, notification=None)
    store.write([Put(odd), Put(row(2))])
    assert store.load().pending == (odd, row(2))
    assert store.load().pending[0].notification is None


def test_settled_rows_are_history_not_work(store: Store) -> None:
    done = replace(row(1), status=ReportStatus.DELIVERED, answer="202", attempts=2)
    store.write([Put(row(1)), Put(row(2))])
    store.write([Put(done)])
    assert store.load().pending == (row(2),)
    assert store.recent(10) == [row(2), done]


def test_what_has_ended_about_a_subject_is_found(store: Store) -> None:
    done = [replace(row(n), status=ReportStatus.REFUSED, answer=f"try {n}") for n in (1, 2)]
    many = [replace(row(n, f"x{n}"), status=ReportStatus.EXPIRED) for n in range(10, 700)]
    store.write([*map(Put, done), Put(row(3)), Put(replace(row(4, "other"), status=ReportStatus.REFUSED))])
    store.write([Put(one) for one in many])
    assert store.ended(["process:nova-compute", "process:unknown"]) == done
    assert store.ended([]) == []
    found = store.ended([one.subject for one in many])
    assert sorted(one.id for one in found) == [one.id for one in many]


def test_prune_forgets_old_history_but_never_work(store: Store) -> None:
    store.write([Put(row(1))])
    store.write([Put(replace(row(n), status=ReportStatus.DELIVERED)) for n in range(2, 10)])
    store.prune(3)
    assert [kept.id for kept in store.recent(100)] == [9, 8, 7, 1]


def test_ids_are_never_given_twice_after_pruning(store: Store) -> None:
    store.write([Put(replace(row(n), status=ReportStatus.DELIVERED)) for n in range(1, 4)])
    store.prune(1)
    assert store.load().next_id == 4


def test_what_is_followed_comes_back_until_its_end_is_known(store: Store) -> None:
    delivered = replace(row(1), status=ReportStatus.DELIVERED, answer="202 u-1", followed="u-1")
    store.write([Put(delivered), Put(replace(row(2), status=ReportStatus.DELIVERED)), Put(row(3))])
    loaded = store.load()
    assert (loaded.followed, loaded.pending) == ((delivered,), (row(3),))
    assert loaded.followed[0].followed == "u-1"
    store.write([Put(replace(delivered, followed="", answer="202 u-1; the engine: finished"))])
    assert store.load().followed == ()
    assert [kept.followed for kept in store.recent(10)] == ["", "", ""]


def test_what_is_followed_is_kept_however_short_the_history_is_to_be(store: Store) -> None:
    ended = [replace(row(n), status=ReportStatus.DELIVERED, followed=f"u-{n}") for n in range(1, 4)]
    store.write([Put(one) for one in ended])
    store.prune(0)
    assert [kept.id for kept in store.load().followed] == [1, 2, 3]
    store.write([Put(replace(ended[1], followed=""))])
    store.prune(0)
    assert [kept.id for kept in store.recent(10)] == [3, 1]
