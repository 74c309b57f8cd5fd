"""The last look at a guest before a played libvirt, of which one domain is locked."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.observation import Counters, NotKnown, ReadCounters
from masakarimonitors.introspectiveinstancemonitor.effects import CounterReader
from masakarimonitors.libvirt.session import LEFT_BEHIND
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_libvirt import FakeModule, impatient, played

SOON = 0.2


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    with played() as module:
        yield module


@asynccontextmanager
async def reading(module: FakeModule, uri: str) -> AsyncIterator[CounterReader]:
    reader = CounterReader((uri,), FakeClock(), open_session=impatient(module, SOON))
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
