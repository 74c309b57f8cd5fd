"""A disk that hangs: what goes on meanwhile, how it heals, and that nobody waits for it at the end."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Notify, Remember, Ruling
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.core.unconfirmed import withdraw
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Loaded, Put, Row, Write
from masakarimonitors.outbox.storage.disk import Answering, Seen, move
from masakarimonitors.outbox.storage.store import MemoryStore, Store, StoreFault
from masakarimonitors.outbox.unconfirmed import UnconfirmedReports
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.standstill import some_turns, stand_still
from tests.fixtures.waiting import PATIENCE, eventually

YES, NO, PERHAPS = Answering.YES, Answering.NO, Answering.PERHAPS


@pytest.mark.parametrize(("state", "seen"), list(itertools.product(Answering, Seen)))
def test_what_is_known_of_a_disk(state: Answering, seen: Seen) -> None:
    expected = {
        (YES, Seen.TIMED_OUT): NO,
        (PERHAPS, Seen.TIMED_OUT): NO,
        (PERHAPS, Seen.NOT_ASKED): NO,
        (NO, Seen.CAME_BACK): PERHAPS,
        (NO, Seen.WAITED): PERHAPS,
        (PERHAPS, Seen.ANSWERED): YES,
    }
    assert move(state, seen) is expected.get((state, seen), state)


class Hanging(MemoryStore):
    """While `hangs`, whoever calls waits; its successors are one disk with it."""

    blocks = True

    def __init__(self) -> None:
        super().__init__()
        self.thaw = threading.Event()
        self.thaw.set()
        self.calls = 0
        # What it held after each transaction.
        self.held: list[list[tuple[str, ReportStatus]]] = []

    def freeze(self) -> None:
        self.thaw = threading.Event()

    def _wait(self) -> None:
        self.calls += 1
        self.thaw.wait(60)

    def load(self) -> Loaded:
        self._wait()
        return super().load()

    def write(self, writes: Sequence[Write]) -> None:
        self._wait()
        self.put(writes)

    def put(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        self.held.append([(row.subject, row.status) for row in self.recent(1000)])

    def check(self) -> None:
        self._wait()

    def renewed(self) -> Store:
        return Successor(self)


class Successor(MemoryStore):
    """What is asked instead of a store that hangs; the one that hangs writes nothing any more."""

    blocks = True

    def __init__(self, first: Hanging) -> None:
        super().__init__()
        self._first = first

    def load(self) -> Loaded:
        return self._first.load()

    def write(self, writes: Sequence[Write]) -> None:
        self._first._wait()
        self._first.put(writes)

    def renewed(self) -> Store:
        return Successor(self._first)


def report(name: str) -> Notify:
    return Notify(ProcessNotification("c1", EPOCH, HostEvent.STOPPED, name), "it died")


@contextlib.asynccontextmanager
async def open_outbox(store: Store, clock: FakeClock, deadline: float = 0.3) -> AsyncIterator[Outbox]:
    outbox = Outbox(store, clock, deadline=deadline)
    await outbox.open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(outbox.run())
        yield outbox
        task.cancel()


def written(store: MemoryStore) -> set[str]:
    return {row.subject for row in MemoryStore.load(store).pending}


def offered(outbox: Outbox) -> set[str]:
    return {subject for subject in outbox.subjects() if list(outbox.deliverable(subject))}


async def test_reports_leave_from_memory_while_the_disk_hangs_and_it_heals_when_it_answers() -> None:
    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        store.freeze()
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:a"}, "the report to be offered from memory")
        assert "the disk does not answer" in outbox.fault
        assert (outbox.hangs, outbox.keeps) == (True, False)
        assert outbox.oldest == clock.now().monotonic
        calls = store.calls
        outbox.submit([report("b")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:a", "process:b"}, "the next one, too")
        assert store.calls == calls  # a disk that hangs is left alone
        assert {row.subject for row in await outbox.recent()} == {"process:a", "process:b"}
        store.thaw.set()
        await eventually(lambda: not outbox.fault, "the disk to be used again")
        assert (outbox.hangs, outbox.keeps) == (False, True)
        await eventually(lambda: written(store) == {"process:a", "process:b"}, "all to be written")
    await outbox.close()


async def test_a_disk_that_answers_once_this_process_goes_on_does_not_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock, deadline=PATIENCE) as outbox:
        store.freeze()
        calls = store.calls
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: store.calls > calls, "the disk to be asked")
        stand_still(monkeypatch, 10 * PATIENCE)
        for _ in range(10):
            await some_turns()
            assert not outbox.fault
        store.thaw.set()
        await eventually(lambda: written(store) == {"process:a"} and not outbox.fault, "it to be written")
    await outbox.close()


async def test_a_call_that_never_comes_back_is_left_and_a_fresh_thread_goes_on() -> None:
    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        hung = store.thaw = threading.Event()
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: bool(outbox.fault), "the disk to be found hanging")
        store.freeze()  # what was called hangs for ever, and so does the next try
        await clock.advance(30)
        outbox.submit([report("b")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:a", "process:b"}, "what comes during that try")
        store.thaw.set()
        await eventually(lambda: not outbox.fault, "the disk to be used again")
        await eventually(lambda: written(store) == {"process:a", "process:b"}, "all to be written")
    await outbox.close()
    hung.set()


async def test_a_disk_that_hangs_is_noticed_before_there_is_something_to_write() -> None:
    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        store.freeze()
        await clock.advance(30)
        await eventually(lambda: "does not answer" in outbox.fault, "it to be noticed")
        store.thaw.set()
    await outbox.close()


async def test_nobody_waits_at_the_end_for_a_disk_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        store.freeze()
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: bool(outbox.fault), "the disk to be found hanging")
    await outbox.close()
    assert not store.thaw.is_set()
    assert "process:a (it died)" in caplog.text and "end with this process" in caplog.text
    store.thaw.set()


async def test_the_end_comes_also_when_the_disk_begins_to_hang_with_it() -> None:
    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        pass
    store.freeze()
    outbox.submit([report("a")], clock.now())
    await outbox.close()
    assert "does not answer" in outbox.fault
    store.thaw.set()


async def test_a_disk_that_hangs_at_the_start_is_memory_and_not_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = Hanging(), FakeClock()
    store.freeze()
    async with open_outbox(store, clock) as outbox:
        assert "does not answer" in outbox.fault
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:a"}, "the report to be offered from memory")
        assert "could not be seen yet" in outbox.unread
        store.thaw.set()
        await eventually(lambda: written(store) == {"process:a"}, "the disk to be used again")
        # It is told after it was written, by another thread; there was nothing to be read.
        await eventually(
            lambda: (outbox.fault, outbox.unread) == ("", ""), lambda: outbox.fault or outbox.unread
        )
        assert "to have it judged" not in caplog.text
    await outbox.close()


async def hung_at_the_start(store: Hanging, clock: FakeClock, *names: str) -> None:
    """A first life leaves reports about these; then the disk hangs."""
    async with open_outbox(store, clock) as outbox:
        outbox.submit(
            [*map(report, names), Remember("kept", {"n": 1}), Remember("gone", {"n": 1})], clock.now()
        )
        await eventually(lambda: len(written(store)) == len(names), "the reports of the first life")
    await outbox.close()
    store.freeze()


async def test_what_waited_on_a_disk_that_hung_at_the_start_is_judged_once_it_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = Hanging(), FakeClock()
    await hung_at_the_start(store, clock, "old", "same")
    async with open_outbox(store, clock) as outbox:
        outbox.submit([report("a"), report("same"), Remember("gone", None)], clock.now())
        await eventually(lambda: len(offered(outbox)) == 2, "the reports to be offered from memory")
        assert not outbox.late_news.is_set() and "could not be seen yet" in outbox.unread
        store.thaw.set()
        await eventually(lambda: "process:a" in written(store), "the disk to be used again")
        await eventually(
            lambda: (outbox.fault, outbox.unread, outbox.late_news.is_set()) == ("", "", True),
            lambda: outbox.fault or outbox.unread,
        )
        assert "2 report(s) wait there, about process:old, process:same" in caplog.text
        (old,) = outbox.unconfirmed()
        assert old.subject == "process:old" and outbox.is_late(old), "the other was told anew meanwhile"
        assert offered(outbox) == {"process:a", "process:same"}
        assert [len(list(outbox.deliverable(one))) for one in ("process:a", "process:same")] == [1, 1]
        assert outbox.memory == {"kept": {"n": 1}}
        outbox.confirm(old)
        assert [row.subject for row in outbox.deliverable("process:old")] == ["process:old"]
        # The decision did not know that it waits, and makes it anew: one report of one failure.
        outbox.submit([report("old")], replace(clock.now(), wall=EPOCH))
        await eventually(lambda: outbox.waiting == 3, "one to be pending for each")
        assert len([row for row in await outbox.recent() if row.subject == "process:old"]) == 1
    await outbox.close()


async def test_what_this_run_has_delivered_is_not_told_again_for_the_last_one() -> None:
    store, clock = Hanging(), FakeClock()
    await hung_at_the_start(store, clock, "same")
    async with open_outbox(store, clock) as outbox:
        outbox.submit([report("same")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:same"}, "the report to be offered from memory")
        (row,) = outbox.deliverable("process:same")
        outbox.settle(replace(row, status=ReportStatus.DELIVERED))
        store.thaw.set()
        await eventually(lambda: outbox.late_news.is_set(), "the disk to be read")
        assert (outbox.waiting, outbox.unconfirmed()) == (0, [])
        await eventually(lambda: not written(store), "that to be written")
    await outbox.close()


@pytest.mark.parametrize("ended", [False, True])
async def test_no_row_of_this_run_is_written_over_one_of_the_last_that_has_its_number(*, ended: bool) -> None:
    """The clock was set back since, so that both counted from the same number. Killed after whatever transaction, the
    next run finds what waited."""
    store, clock = Hanging(), FakeClock()
    first = int(clock.now().wall.timestamp() * 1000)
    store.put([Put(Row.new(first, report("old").notification, "it died", clock.now()))])
    store.freeze()
    async with open_outbox(store, clock) as outbox:
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:a"}, "the report to be offered from memory")
        (row,) = outbox.deliverable("process:a")
        assert row.id == first
        if ended:
            outbox.settle(replace(row, status=ReportStatus.DELIVERED))
        before = len(store.held)
        store.thaw.set()
        await eventually(lambda: len(store.held) > before, "the disk to be used again")
        assert all(("process:old", ReportStatus.PENDING) in held for held in store.held)
        await eventually(lambda: len(store.held[-1]) == 2, "both to be there")
    await outbox.close()


async def test_a_row_of_the_last_run_whose_number_no_row_of_this_one_has_stands_there_once() -> None:
    """Its clock was ahead: its number is larger than any that this run has given, so nothing is written over it."""
    store, clock = Hanging(), FakeClock()
    far = int(clock.now().wall.timestamp() * 1000) + 1000
    store.put([Put(Row.new(far, report("old").notification, "it died", clock.now()))])
    store.freeze()
    async with open_outbox(store, clock) as outbox:
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: offered(outbox) == {"process:a"}, "the report to be offered from memory")
        before = len(store.held)
        store.thaw.set()
        await eventually(lambda: len(store.held) > before, "the disk to be used again")
        outbox.submit([report("b")], clock.now())
        await eventually(
            lambda: ("process:b", ReportStatus.PENDING) in store.held[-1], "the next to be there"
        )
    await outbox.close()
    assert sorted(store.held[-1]) == [
        (f"process:{name}", ReportStatus.PENDING) for name in ("a", "b", "old")
    ], "or the next run tells it twice"


async def test_what_was_read_late_is_withdrawn_only_when_its_subject_was_seen_well() -> None:
    """Its monitor, which does not remember it, knows of no outage that could be over."""
    store, clock = Hanging(), FakeClock()
    well: dict[str, str] = {}
    await hung_at_the_start(store, clock, "old")
    async with open_outbox(store, clock) as outbox:
        reports = UnconfirmedReports(
            outbox,
            lambda report, now: withdraw("no outage of it is open"),
            clock.now(),
            is_well=lambda subject: well.get(subject, ""),
        )
        store.thaw.set()
        await clock.advance(30)
        await eventually(lambda: outbox.late_news.is_set(), "the disk to be read")
        (told,) = reports.review(clock.now())
        assert (told.ruling, told.alarm) == (Ruling.HELD, True)
        assert "no outage of it is open" in told.why and "start the monitor again" in told.why
        well["process:old"] = "it runs"
        (told,) = reports.review(clock.now())
        assert (told.ruling, outbox.waiting) == (Ruling.WITHDRAWN, 0)
    await outbox.close()


async def test_a_fault_that_comes_in_time_is_no_hang() -> None:
    class Full(Hanging):
        def write(self, writes: Sequence[Write]) -> None:
            raise StoreFault("full", lasting=False)

    store, clock = Full(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: outbox.fault == "full", "the fault to be told")
    await outbox.close()


async def test_a_disk_that_hung_is_not_asked_without_pause_while_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts: list[threading.Thread] = []

    def shortage(thread: threading.Thread) -> None:
        starts.append(thread)
        raise RuntimeError("can't start new thread")

    store, clock = Hanging(), FakeClock()
    async with open_outbox(store, clock) as outbox:
        store.freeze()
        outbox.submit([report("a")], clock.now())
        await eventually(lambda: bool(outbox.fault), "the disk to be found hanging")
        with monkeypatch.context() as context:
            context.setattr(threading.Thread, "start", shortage)
            await clock.advance(30)
            assert len(starts) == 1 and "no thread can be started" in outbox.fault
            await clock.advance(119)
            assert len(starts) == 2
        store.thaw.set()
        await clock.advance(120)
        await eventually(lambda: written(store) == {"process:a"}, "all to be written")
    await outbox.close()


async def test_a_start_without_a_thread_to_read_the_file_with_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Begun all the same, it would forget what waits there, and what was reported."""

    def shortage(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", shortage)
    with pytest.raises(StoreFault, match="no thread can be started"):
        await Outbox(Hanging(), FakeClock()).open()
