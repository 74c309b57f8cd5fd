"""An upgrade finds an outbox that an earlier release wrote: no row and no memory of it is lost or changed."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.masakari_answers import Delivered, Duplicate, Outcome
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage.reading import read_only
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from tests.fixtures import old_state
from tests.fixtures.confirming import confirm_all
from tests.fixtures.fake_clock import FakeClock, settle

pytestmark = pytest.mark.parametrize("monitor", old_state.MONITORS)


class OnThisThread(SqliteStore):
    """The real store, without a thread of its own: the play needs no real time."""

    blocks = False


class Recording:
    """A masakari-api that gives one answer, and keeps what it was offered byte by byte."""

    def __init__(self, answer: Outcome) -> None:
        self.answer = answer
        self.bodies: list[str] = []

    async def send(self, body: str, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        self.bodies.append(body)
        return self.answer


@contextlib.asynccontextmanager
async def upgraded(folder: Path, monitor: str, answer: Outcome) -> AsyncIterator[tuple[Outbox, Recording]]:
    clock, api = FakeClock(), Recording(answer)
    outbox = Outbox(OnThisThread(old_state.copy_to(folder) / f"{monitor}.sqlite"), clock)
    await outbox.open()
    confirm_all(outbox)
    delivery = Delivery(outbox, api, DeliveryPolicy(), clock, random.Random(1))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(outbox.run()), tasks.create_task(delivery.run())]
        await settle()
        yield outbox, api
        for task in running:
            task.cancel()
    await outbox.close()


def columns(row: Row) -> dict[str, Any]:
    """The row as the file has it."""
    return {
        "id": row.id,
        "subject": row.subject,
        "body": row.body,
        "why": row.why,
        "created": row.created.isoformat(),
        "status": row.status.value,
        "attempts": row.attempts,
        "in_doubt": int(row.in_doubt),
        "reoffered": int(row.reoffered),
        "answer": row.answer,
        "updated": row.updated.isoformat() if row.updated is not None else None,
    }


def pending(monitor: str) -> list[dict[str, Any]]:
    return [row for row in old_state.rows(monitor) if row["status"] == "pending"]


def test_the_folder_holds_every_kind_of_row(monitor: str) -> None:
    found = {(r["status"], r["in_doubt"], r["reoffered"], r["attempts"] > 0) for r in old_state.rows(monitor)}
    assert found >= {
        ("pending", 0, 0, False),
        ("pending", 0, 0, True),
        ("pending", 1, 0, True),
        ("pending", 0, 1, True),
        ("delivered", 0, 0, True),
        ("refused", 0, 0, True),
        ("withdrawn", 1, 0, True),
        ("expired", 0, 0, True),
    }


def test_every_row_is_read_with_all_that_it_says(monitor: str, tmp_path: Path) -> None:
    path = old_state.copy_to(tmp_path) / f"{monitor}.sqlite"
    store = SqliteStore(path)
    loaded = store.load()
    assert [columns(row) for row in loaded.pending] == pending(monitor)
    assert loaded.next_id == old_state.rows(monitor)[-1]["id"] + 1
    assert [columns(row) for row in reversed(store.recent(1000))] == old_state.rows(monitor)
    # What each body says is understood, so whoever asks what a report said need not read its text.
    assert all(row.notification is not None for row in store.recent(1000))
    store.close()
    assert [columns(row) for row in reversed(read_only(path, 1000))] == old_state.rows(monitor)


async def test_memory_is_read_as_it_was_written(monitor: str, tmp_path: Path) -> None:
    outbox = Outbox(OnThisThread(old_state.copy_to(tmp_path) / f"{monitor}.sqlite"), FakeClock())
    await outbox.open()
    assert dict(outbox.memory) == old_state.memory(monitor)
    assert not outbox.fault
    await outbox.close()


async def test_what_is_pending_is_offered_in_the_very_same_words(monitor: str, tmp_path: Path) -> None:
    async with upgraded(tmp_path, monitor, Delivered("202")) as (outbox, api):
        assert sorted(api.bodies) == sorted(row["body"] for row in pending(monitor))
        assert outbox.waiting == 0
        after = {row.id: columns(row) for row in await outbox.recent(1000)}
    for before in old_state.rows(monitor):
        if before["status"] == "pending":
            assert after[before["id"]]["status"] == "delivered"
            assert after[before["id"]]["attempts"] == before["attempts"] + 1
        else:
            assert after[before["id"]] == before


async def test_a_doubt_from_before_the_upgrade_still_counts(monitor: str, tmp_path: Path) -> None:
    """ "Duplicate" means delivered for a row that may have arrived, and for no other."""
    async with upgraded(tmp_path, monitor, Duplicate("409")) as (outbox, _):
        after = {row.id: row.status.value for row in await outbox.recent(1000)}
    for before in pending(monitor):
        assert after[before["id"]] == ("delivered" if before["in_doubt"] else "pending"), before["subject"]


def test_an_earlier_release_can_go_on_with_the_file(monitor: str, tmp_path: Path) -> None:
    path = old_state.copy_to(tmp_path) / f"{monitor}.sqlite"
    store = SqliteStore(path)
    (first, *_) = store.load().pending
    store.write([Put(first.restamped(FakeClock().now()))])
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        names = [name for _, name, *_ in db.execute("PRAGMA table_info(outbox)")]
    assert names == list(columns(first))


async def test_a_report_of_this_release_comes_after_those_of_the_earlier_one(
    monitor: str, tmp_path: Path
) -> None:
    async with upgraded(tmp_path, monitor, Duplicate("409")) as (outbox, api):
        died = ProcessNotification("compute-1", FakeClock().now().wall, HostEvent.STOPPED, "x")
        outbox.submit([Notify(died, "it died")], FakeClock().now())
        await settle()
        (newest, *_) = await outbox.recent(1)
    assert (newest.id, newest.subject) == (old_state.rows(monitor)[-1]["id"] + 1, "process:x")
    assert newest.body == api.bodies[-1]
    # It was never offered before, so a "duplicate" speaks of an older report: it stays pending.
    assert newest.status.value == "pending"
