"""The last look at a guest before a played libvirt, of which one domain is locked."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Counters,
    NotKnown,
    ReadCounters,
    VcpuTime,
)
from masakarimonitors.introspectiveinstancemonitor.effects import (
    FOR_A_PLACE,
    LOST_THREADS,
    CounterReader,
    Places,
)
from masakarimonitors.libvirt.domain_state import ControlState
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.session import LEFT_BEHIND, Session
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_libvirt import FakeModule, impatient, played
from tests.fixtures.waiting import EVERY, eventually

SOON = 0.2


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    with played() as module:
        yield module


@asynccontextmanager
async def reading(
    module: FakeModule, uri: str, clock: FakeClock | None = None, patience: float = SOON
) -> AsyncIterator[CounterReader]:
    reader = CounterReader((uri,), clock or FakeClock(), open_session=impatient(module, patience))
    try:
        yield reader
    finally:
        await reader.close()


def look_at(name: str, uri: str) -> ReadCounters:
    return ReadCounters(uuid=f"uuid-of-{name}", run="boot-1", blocks=False, where=uri)


async def test_one_domain_that_is_locked_keeps_no_other_from_being_looked_at(libvirt: FakeModule) -> None:
    """Its guest is silent, too, and is looked at again and again: each call would be left behind."""
    uri = "played:///locked"
    locked, _ = libvirt.add("locked", "hung")
    locked.holds = threading.Event()
    async with reading(libvirt, uri) as reader:
        at_once = [reader.perform(look_at("locked", uri)) for _ in range(LEFT_BEHIND + 1)]
        assert {type(one) for one in await asyncio.gather(*at_once)} == {NotKnown}
        assert isinstance(await reader.perform(look_at("locked", uri)), NotKnown)
        found = await reader.perform(look_at("hung", uri))
        assert isinstance(found, Counters), found
        assert locked.asked == 1


async def test_it_is_looked_at_again_when_the_last_call_has_come_back(libvirt: FakeModule) -> None:
    uri = "played:///freed"
    (locked,) = libvirt.add("locked")
    locked.holds = threading.Event()
    async with reading(libvirt, uri) as reader:
        for _ in range(2):
            assert isinstance(await reader.perform(look_at("locked", uri)), NotKnown)
        locked.holds.set()
        found = await reader.perform(look_at("locked", uri))
        while isinstance(found, NotKnown):  # its thread has not come that far yet
            found = await reader.perform(look_at("locked", uri))
        assert isinstance(found, Counters)


OCCUPIED = [ControlState.OCCUPIED, 0, 60_000]
VCPU = {"vcpu.maximum": 1, "vcpu.0.time": 9, "vcpu.0.delay": 1}
DISK = {"block.count": 1, "block.0.rd.reqs": 3}


@pytest.mark.parametrize(
    ("stats", "mute", "requests"),
    [(VCPU | {"block.count": 1}, True, None), (VCPU, True, None), (VCPU | DISK, False, 3)],
)
async def test_of_a_qemu_whose_monitor_does_not_answer_libvirtd_tells_what_its_processors_do(
    libvirt: FakeModule, stats: dict[str, int], mute: bool, requests: int | None
) -> None:
    """Its guest may be at work all the same: what hangs may be a disk that it does not need."""
    uri = "played:///mute"
    (one,) = libvirt.add("one")
    one.control, one.stats, one.cpu = OCCUPIED, stats, 5
    command = replace(look_at("one", uri), blocks=True, cpu_before=1)
    async with reading(libvirt, uri, patience=60) as reader:
        found = await reader.perform(command)
        assert isinstance(found, Counters)
        assert (found.vcpus, found.mute, found.requests) == ((VcpuTime(9, 1),), mute, requests)
        assert bool(found.unread) is mute
        one.cpu = 1
        found = await reader.perform(command)
        assert isinstance(found, Counters) and not found.vcpus, (
            "one that stands still is not asked for anything"
        )


async def test_where_four_qemus_are_mute_the_next_is_asked_when_one_answers_and_else_told_of_them(
    libvirt: FakeModule,
) -> None:
    """Many guests are silent together, and those that answer slowly hold up the next for a moment alone."""
    uri, clock = "played:///busy", FakeClock()
    names = [f"mute{number}" for number in range(LOST_THREADS)]
    *mute, well = libvirt.add(*names, "well")
    for domain in (*mute, well):
        domain.cpu, domain.stats = 5, VCPU | DISK
    holds = [threading.Event() for _ in mute]
    for domain, hold in zip(mute, holds, strict=True):
        domain.mute = hold

    async with reading(libvirt, uri, clock, patience=60) as reader, asyncio.TaskGroup() as tasks:

        def read(name: str) -> asyncio.Task[object]:
            command = replace(look_at(name, uri), blocks=True, cpu_before=1)
            return tasks.create_task(reader.perform(command))

        for name in names:
            read(name)
        await eventually(lambda: all(one.stats_asked for one in mute), "each of them to be asked")
        waits = read("well")
        while not waits.done():
            await clock.advance(FOR_A_PLACE)
            await asyncio.sleep(EVERY)
        found = await waits
        assert isinstance(found, Counters) and found.requests is None and not found.mute
        assert found.unread.endswith(f"{', '.join(one.UUIDString() for one in mute)} do not answer")
        waits = read("well")
        await eventually(lambda: well.asked == 2, "the next to begin")
        holds[0].set()
        found = await waits
        assert isinstance(found, Counters) and found.requests == 3
        for hold in holds:
            hold.set()


async def test_one_qemu_that_answers_makes_room_for_one_and_the_line_waits_as_long_as_it_moves() -> None:
    clock, loop = FakeClock(), asyncio.get_running_loop()
    places, calls, waiting = Places(clock), list("0123"), list("abc")
    for call in calls:
        assert await places.take(call, "mute")
    async with asyncio.TaskGroup() as tasks:
        line = [tasks.create_task(places.take(call, f"of {call}")) for call in waiting]
        for served in range(2):
            await clock.advance(0.75 * FOR_A_PLACE)
            places.give_back(calls[served], loop)
            await clock.advance(0.0)
            assert [one.done() for one in line] == [number <= served for number in range(3)]
        await clock.advance(FOR_A_PLACE)
    assert [one.result() for one in line] == [True, True, False]
    assert places.whose() == "mute, of a, of b" and "c" not in places


async def test_a_call_that_is_never_made_leaves_its_place(libvirt: FakeModule) -> None:
    """As while so many sessions hang that no further one is opened."""
    uri = "played:///shut"
    (one,) = libvirt.add("one")
    one.cpu, one.stats = 5, VCPU | DISK
    opens = impatient(libvirt, 60)

    @asynccontextmanager
    async def refused(uri: str, purpose: str, **options: Any) -> AsyncIterator[Session]:
        if purpose == "counters" and refusals:
            raise Unavailable(refusals.pop())
        async with opens(uri, purpose, **options) as session:
            yield session

    refusals = ["no further one"] * LOST_THREADS
    reader = CounterReader((uri,), FakeClock(), open_session=refused)
    command = replace(look_at("one", uri), blocks=True, cpu_before=1)
    for _ in range(LOST_THREADS):
        assert isinstance(await reader.perform(command), NotKnown)
    found = await reader.perform(command)
    assert isinstance(found, Counters) and found.requests == 3
    await reader.close()


async def test_a_reading_is_of_the_moment_in_which_libvirtd_was_asked(libvirt: FakeModule) -> None:
    """What stands still after that, as this process may, must not make little of what the guest has done."""
    uri, clock = "played:///late", FakeClock()
    (one,) = libvirt.add("one")
    begun = clock.now().monotonic

    def control() -> list[int]:
        clock.stand_still(60)
        return [0, 0, 0]

    one.controlInfo = control  # type: ignore[method-assign]
    async with reading(libvirt, uri, clock, patience=60) as reader:
        found = await reader.perform(look_at("one", uri))
        assert isinstance(found, Counters) and found.at == begun
        one.cpu, begun = 5, clock.now().monotonic
        for one.stats, at in ((DISK, begun), (VCPU | DISK, begun + 120)):
            found = await reader.perform(replace(look_at("one", uri), blocks=True, cpu_before=1))
            assert isinstance(found, Counters) and (found.at, found.requests) == (at, 3)
