"""The outbox in front of a store that fails: nothing is lost, nothing silently replaced."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Notify, Remember, Withdraw
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus, VmNotification
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Loaded, Row, Write
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import MemoryStore, Store, StoreFault
from tests.fixtures.fake_clock import FakeClock, settle


class Faulty(MemoryStore):
    """A store that fails as told, and counts its transactions."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: StoreFault | None = None
        self.aside: list[Sequence[int]] = []
        self.transactions: list[int] = []

    def load(self) -> Loaded:
        if self.fault:
            raise self.fault
        return super().load()

    def write(self, writes: Sequence[Write]) -> None:
        if self.fault:
            raise self.fault
        self.transactions.append(len(writes))
        super().write(writes)

    def set_aside(self) -> str:
        self.aside.append([row.id for row in self.recent(100)])
        self.__dict__.update(Faulty().__dict__ | {"aside": self.aside, "fault": None})
        return "aside"


FULL = StoreFault("database or disk is full", lasting=False)
BROKEN = StoreFault("database disk image is malformed", lasting=True)


@contextlib.asynccontextmanager
async def writing(store: Store, clock: FakeClock) -> AsyncIterator[Outbox]:
    outbox = Outbox(store, clock)
    await outbox.open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(outbox.run())
        yield outbox
        task.cancel()
    await outbox.close()


def report(clock: FakeClock, name: str) -> Notify:
    return Notify(ProcessNotification("compute-1", clock.now().wall, HostEvent.STOPPED, name), "it died")


async def test_a_full_disk_is_shouted_delivery_goes_on_and_everything_is_written_when_it_has_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = Faulty(), FakeClock()
    async with writing(store, clock) as outbox:
        store.fault = FULL
        outbox.submit([report(clock, "a"), Remember("k", {"v": 1})], clock.now())
        await settle()
        assert outbox.take_ready() == ["process:a"]
        assert "disk is full" in outbox.fault
        outbox.submit([report(clock, "b"), Remember("k", {"v": 2})], clock.now())
        await settle()
        assert [row.subject for row in outbox.deliverable("process:b")] == ["process:b"]
        assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
        store.fault = None
        await clock.advance(30)
        assert outbox.fault == ""
        assert [row.subject for row in store.load().pending] == ["process:a", "process:b"]
        assert dict(store.load().memory) == {"k": {"v": 2}}


async def test_a_file_that_breaks_in_use_is_set_aside_and_rewritten_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = Faulty(), FakeClock()
    async with writing(store, clock) as outbox:
        outbox.submit([report(clock, "a"), Remember("k", {"v": 1})], clock.now())
        await settle()
        store.fault = BROKEN
        outbox.submit([report(clock, "b")], clock.now())
        await settle()
        assert store.aside == [[1]]
        assert [row.subject for row in store.load().pending] == ["process:a", "process:b"]
        assert dict(store.load().memory) == {"k": {"v": 1}}
        assert "set aside as aside" in caplog.text
        assert outbox.unread == "", "all of it is in the new file"


async def test_a_broken_file_at_start_is_set_aside_and_shouted(caplog: pytest.LogCaptureFixture) -> None:
    store, clock = Faulty(), FakeClock()
    store.fault = BROKEN
    async with writing(store, clock) as outbox:
        assert "set aside as aside" in caplog.text
        outbox.submit([report(clock, "a")], clock.now())
        await settle()
        assert len(store.load().pending) == 1
        assert "set aside unread as aside" in outbox.unread
        store.fault = BROKEN
        outbox.submit([report(clock, "b")], clock.now())
        await settle()
        assert len(store.aside) == 2 and len(store.load().pending) == 2
        assert "set aside unread as aside" in outbox.unread, "it is so until this process ends"


async def test_a_file_that_is_there_and_cannot_be_read_at_present_is_no_start() -> None:
    """What turned up in it later would be delivered without anybody having looked whether it still holds."""
    store, clock = Faulty(), FakeClock()
    store.fault = StoreFault("database is locked", lasting=False, unread=True)
    outbox = Outbox(store, clock)
    with pytest.raises(StoreFault, match="locked"):
        await outbox.open()
    await outbox.close()
    assert store.transactions == []


async def test_a_disk_too_full_for_a_first_file_is_no_reason_to_watch_nothing() -> None:
    store, clock = Faulty(), FakeClock()
    store.fault = FULL
    async with writing(store, clock) as outbox:
        assert "full" in outbox.fault
        outbox.submit([report(clock, "new")], clock.now())
        await settle()
        assert list(outbox.subjects()) == ["process:new"]
        store.fault = None
        await clock.advance(30)
        assert [row.subject for row in store.load().pending] == ["process:new"]


async def test_decisions_that_wait_together_share_one_transaction() -> None:
    store, clock = Faulty(), FakeClock()
    async with writing(store, clock) as outbox:
        for number in range(500):
            outbox.submit([report(clock, f"p{number}")], clock.now())
        await settle()
        assert store.transactions == [500]


async def test_what_one_decision_says_is_one_transaction() -> None:
    store, clock = Faulty(), FakeClock()
    async with writing(store, clock) as outbox:
        outbox.submit([report(clock, "a"), Remember("k", {}), Withdraw("process:a", "it runs")], clock.now())
        await settle()
        assert len(store.transactions) == 1
        assert store.recent(1)[0].status is ReportStatus.WITHDRAWN


async def test_closing_writes_what_is_left(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "outbox.sqlite"
    outbox = Outbox(SqliteStore(path), clock)
    await outbox.open()
    outbox.submit([report(clock, "a"), Remember("k", {"v": 1})], clock.now())
    await outbox.close()
    again = SqliteStore(path)
    loaded = again.load()
    assert [row.subject for row in loaded.pending] == ["process:a"]
    assert dict(loaded.memory) == {"k": {"v": 1}}
    again.close()


async def test_a_real_file_torn_to_pieces_in_use_costs_nothing(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "outbox.sqlite"
    outbox = Outbox(SqliteStore(path), clock)
    await outbox.open()
    outbox.submit([report(clock, "a")], clock.now())
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(outbox.run())
        await outbox.mark(await _first(outbox, "process:a"))
        for part in tmp_path.glob("outbox.sqlite*"):
            if not part.name.endswith(".lock"):
                part.write_bytes(b"\xff" * max(part.stat().st_size, 8192))
        outbox.submit([report(clock, "b")], clock.now())
        row = await _first(outbox, "process:b")
        await outbox.mark(row)
        writer.cancel()
    await outbox.close()
    again = SqliteStore(path)
    assert sorted(row.subject for row in again.load().pending) == ["process:a", "process:b"]
    assert list(tmp_path.glob("outbox.sqlite.broken-*"))
    again.close()


async def test_a_file_that_is_removed_in_use_is_made_again_with_everything(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "outbox.sqlite"
    outbox = Outbox(SqliteStore(path), clock)
    await outbox.open()
    outbox.submit([report(clock, "a")], clock.now())
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(outbox.run())
        await _first(outbox, "process:a")
        path.unlink()
        outbox.submit([report(clock, "b")], clock.now())
        await _first(outbox, "process:b")
        writer.cancel()
    await outbox.close()
    again = SqliteStore(path)
    assert sorted(row.subject for row in again.load().pending) == ["process:a", "process:b"]
    again.close()


async def _first(outbox: Outbox, subject: str) -> Row:
    while True:
        for row in outbox.deliverable(subject):
            return row
        await asyncio.sleep(0)


@pytest.mark.parametrize("store", [MemoryStore(), Faulty()], ids=["memory", "full disk"])
async def test_what_ends_with_the_process_is_named_at_the_end(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    async with writing(store, clock) as outbox:
        if isinstance(store, Faulty):
            store.fault = FULL
        outbox.submit([report(clock, "nova-compute")], clock.now())
        await settle()
    (error,) = [one.getMessage() for one in caplog.records if "end with this process" in one.getMessage()]
    assert "process:nova-compute (it died)" in error


class Stuck(Faulty):
    """The first write hangs until it is let go, and then fails."""

    blocks = True

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.let_go = threading.Event(), threading.Event()

    def write(self, writes: Sequence[Write]) -> None:
        if not self.entered.is_set():
            self.entered.set()
            self.let_go.wait(60)
            raise FULL
        super().write(writes)


async def test_what_a_cancelled_writer_could_not_write_is_written_at_the_end() -> None:
    store, clock = Stuck(), FakeClock()
    outbox = Outbox(store, clock)
    await outbox.open()
    writer = asyncio.get_running_loop().create_task(outbox.run())
    outbox.submit([report(clock, "nova-compute")], clock.now())
    await asyncio.to_thread(store.entered.wait, 60)
    writer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writer
    asyncio.get_running_loop().call_later(0.05, store.let_go.set)
    await outbox.close()
    assert [row.subject for row in store.load().pending] == ["process:nova-compute"]


async def test_nothing_is_named_when_it_is_all_on_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    async with writing(SqliteStore(tmp_path / "outbox.sqlite"), clock) as outbox:
        outbox.submit([report(clock, "nova-compute")], clock.now())
    assert "end with this process" not in caplog.text


def said(clock: FakeClock, instance: str, event: str, detail: str) -> Notify:
    now = clock.now().wall
    return Notify(
        VmNotification("c1", now, event=event, instance_uuid=instance, vir_domain_event=detail), "seen"
    )


async def test_a_death_takes_back_what_would_restart_its_instance_a_second_time_and_nothing_else() -> None:
    store, clock = Faulty(), FakeClock()
    async with writing(store, clock) as outbox:
        outbox.submit(
            [
                said(clock, "a", "IO_ERROR", "IO_ERROR_REPORT"),
                said(clock, "a", "IO_ERROR_REASON", "UNKNOWN"),
                said(clock, "b", "IO_ERROR", "IO_ERROR_REPORT"),
            ],
            clock.now(),
        )
        outbox.submit([said(clock, "a", "LIFECYCLE", "STOPPED_FAILED")], clock.now())
        await settle()
        rows = {row.id: row for row in store.recent(10)}
        assert [rows[number].status.value for number in (1, 2, 3, 4)] == [
            "withdrawn",
            "pending",
            "pending",
            "pending",
        ]
        assert "its death is reported" in rows[1].answer
        assert outbox.counts[ReportStatus.WITHDRAWN] == 1
        # Whoever looks after a power cut finds the one taken back exactly when it finds the death.
        assert store.transactions == [5]


async def test_what_is_followed_is_known_at_the_next_start_until_its_end_is() -> None:
    store, clock = Faulty(), FakeClock()
    async with writing(store, clock) as outbox:
        outbox.submit([said(clock, "a", "LIFECYCLE", "STOPPED_FAILED")], clock.now())
        await settle()
        row = await _first(outbox, "vm:a")
        outbox.settle(replace(row, status=ReportStatus.DELIVERED, answer="202 u", followed="u"))
        await settle()
    async with writing(store, clock) as outbox:
        ((one,),) = [outbox.followed()]
        assert one.followed == "u"
        assert outbox.note_followed(one.id, "running") == replace(one, answer="202 u; the engine: running")
        ended = outbox.end_following(one.id, "finished")
        assert ended is not None and ended.answer.endswith("finished")
        assert outbox.followed() == [] and outbox.end_following(one.id, "") is None
        await settle()
    async with writing(store, clock) as outbox:
        assert outbox.followed() == []


@pytest.mark.parametrize(
    ("offered", "told"),
    [
        ("never", True),
        ("it was refused the way", True),
        ("the answer was lost", False),
        ("is under way", False),
    ],
)
async def test_of_a_report_that_is_taken_back_it_is_told_that_masakari_has_certainly_not_got_it(
    offered: str, told: bool
) -> None:
    clock, unsent = FakeClock(), list[int]()
    async with writing(MemoryStore(), clock) as outbox:
        outbox.watch_unsent(lambda row: unsent.append(row.id))
        (row,) = outbox.submit([report(clock, "a")], clock.now())
        await settle()
        if offered != "never":
            assert await outbox.mark(replace(row, attempts=1, in_doubt=True))
        if offered in ("it was refused the way", "the answer was lost"):
            outbox.settle(replace(row, attempts=1, in_doubt=offered == "the answer was lost"))
        outbox.submit([Withdraw("process:a", "it runs")], clock.now())
        assert unsent == ([row.id] if told else [])


async def test_of_what_an_earlier_run_left_nobody_can_say_that_it_was_never_sent() -> None:
    """A disk that took nothing may not have noted that it was offered; and an earlier release may have noted less."""
    store, clock, unsent = MemoryStore(), FakeClock(), list[int]()
    async with writing(store, clock) as outbox:
        outbox.submit([report(clock, "a"), report(clock, "b")], clock.now())
    async with writing(store, clock) as outbox:
        outbox.watch_unsent(lambda row: unsent.append(row.id))
        old, other = outbox.unconfirmed()
        outbox.confirm(old)
        assert outbox.take_back(other, "it runs", clock.now()) is not None
        outbox.submit([Withdraw("process:a", "it runs")], clock.now())
        assert not outbox.waiting and unsent == []
