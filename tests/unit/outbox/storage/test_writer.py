"""The writer alone, in front of a store that fails as told; with the outbox before it, see test_outbox.py."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.outbox.rows import Keep, Loaded, Put, Row, Write
from masakarimonitors.outbox.storage.store import MemoryStore, StoreFault
from masakarimonitors.outbox.storage.writer import Earlier, Glance, Writer, move
from tests.fixtures.fake_clock import EPOCH, FakeClock, settle


@pytest.mark.parametrize(("earlier", "glance"), list(itertools.product(Earlier, Glance)))
def test_what_is_known_of_an_earlier_run(earlier: Earlier, glance: Glance) -> None:
    expected = {
        (Earlier.UNSEEN, Glance.AT_START): Earlier.TAKEN_UP,
        (Earlier.UNSEEN, Glance.EMPTY): Earlier.TAKEN_UP,
        (Earlier.UNSEEN, Glance.LATE): Earlier.TAKEN_UP,
        (Earlier.UNSEEN, Glance.SET_ASIDE): Earlier.ASIDE,
    }
    assert move(earlier, glance) is expected.get((earlier, glance), earlier)


class Faulty(MemoryStore):
    """A store that fails as told, and counts its transactions and prunings."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: StoreFault | None = None
        self.transactions: list[Sequence[Write]] = []
        self.prunings = 0

    def write(self, writes: Sequence[Write]) -> None:
        if self.fault:
            raise self.fault
        self.transactions.append(writes)
        super().write(writes)

    def prune(self, keep: int) -> None:
        self.prunings += 1
        super().prune(keep)


class Desk:
    """The writer and what it has told."""

    def __init__(self, store: Faulty) -> None:
        self.clock = FakeClock()
        self.adopted: list[Loaded] = []
        self.written: list[int] = []
        self.poison: list[str] = []
        self.writer = Writer(
            store,
            self.clock,
            keep=10,
            adopt=self.adopted.append,
            adopt_late=self.adopt_late,
            everything=lambda: [Put(row(1))],
            on_written=lambda row: self.written.append(row.id),
            on_poison=self.poison.append,
        )

    def adopt_late(self, loaded: Loaded) -> Sequence[Write]:
        self.adopted.append(loaded)
        return ()


@contextlib.asynccontextmanager
async def writing(store: Faulty) -> AsyncIterator[Desk]:
    desk = Desk(store)
    await desk.writer.open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(desk.writer.run())
        yield desk
        task.cancel()
    await desk.writer.finish()
    await desk.writer.close()


def row(number: int) -> Row:
    clock = FakeClock()
    return Row.new(number, ProcessNotification("c1", EPOCH, HostEvent.STOPPED, "x"), "it died", clock.now())


async def test_what_waits_together_is_written_together_and_told_in_order() -> None:
    store = Faulty()
    async with writing(store) as desk:
        desk.writer.write([Put(row(1)), Keep("k", {})])
        desk.writer.write([])
        desk.writer.write([Put(row(2))])
        await settle()
        assert [len(writes) for writes in store.transactions] == [3]
        assert desk.written == [1, 2] and len(desk.adopted) == 1


async def test_while_the_disk_is_full_one_write_for_each_row_and_key_waits() -> None:
    store = Faulty()
    async with writing(store) as desk:
        store.fault = StoreFault("full", lasting=False)
        for tries in range(5):
            desk.writer.write(
                [Put(replace(row(1), attempts=tries), durable=tries == 0), Keep("k", {"n": tries})]
            )
            await settle()
        assert desk.writer.fault == "full" and set(desk.written) == {1}
        store.fault = None
        await desk.clock.advance(30)
        (writes,) = store.transactions
        (put, keep) = writes
        assert isinstance(put, Put) and (put.row.attempts, put.durable) == (4, True)
        assert isinstance(keep, Keep) and keep.value == {"n": 4}


async def test_who_waits_for_a_write_is_let_go_even_when_the_disk_takes_nothing() -> None:
    store = Faulty()
    async with writing(store) as desk:
        store.fault = StoreFault("full", lasting=False)
        async with asyncio.timeout(60):
            await desk.writer.write_now(Put(row(1)))
        assert desk.writer.fault == "full"


async def test_the_store_is_pruned_after_a_thousand_ended_rows() -> None:
    store = Faulty()
    async with writing(store) as desk:
        desk.writer.write([Put(replace(row(n), status=ReportStatus.DELIVERED)) for n in range(999)])
        await settle()
        assert store.prunings == 0
        desk.writer.write([Put(replace(row(999), status=ReportStatus.WITHDRAWN)), Put(row(1000))])
        await settle()
        assert store.prunings == 1
        assert len(store.recent(10_000)) == 10 + 1


async def test_what_no_store_can_hold_is_set_aside_told_of_once_and_keeps_no_other_out() -> None:
    class Choosy(Faulty):
        aside: Sequence[Write] = ()

        def write(self, writes: Sequence[Write]) -> None:
            poison = [
                one
                for one in writes
                if (one.row.attempts == 7 if isinstance(one, Put) else one.value == {"n": "poison"})
            ]
            if poison:
                raise StoreFault("it is too deep", lasting=False, poison=poison)
            super().write(writes)

        def put_aside(self, poison: Sequence[Write]) -> None:
            self.aside = [*self.aside, *poison]

    store = Choosy()
    async with writing(store) as desk:
        for number in (1, 2):
            poison: list[Write] = [Keep("k", {"n": "poison"}), Put(replace(row(3), attempts=7))]
            desk.writer.write([Put(row(number)), *poison, Keep("other", {"n": number})])
            await settle()
        assert desk.writer.fault == "" and len(store.aside) == 4
        assert [len(writes) for writes in store.transactions] == [2, 2]
        assert desk.written == [1, 3, 2, 3], "a report is delivered all the same"
        assert len(desk.poison) == 2 and "memory 'k' holds a value" in desk.poison[0]
        assert "the report about process:x" in desk.poison[1] and "it is too deep" in desk.poison[1]
