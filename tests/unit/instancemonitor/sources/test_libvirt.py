"""The source of the instance monitor, before a played libvirt that fails in every way."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Census,
    LibvirtAway,
    LibvirtBack,
    LifecycleChanged,
    Observation,
    Power,
)
from masakarimonitors.instancemonitor.domains import EventNumbers
from masakarimonitors.instancemonitor.qemu_files import QemuFiles
from masakarimonitors.instancemonitor.sources.libvirt import Libvirt
from masakarimonitors.libvirt.domain_state import EventId, Lifecycle
from masakarimonitors.libvirt.event_line import EventLine
from masakarimonitors.libvirt.session import LEFT_BEHIND, left_behind
from tests.fixtures.fake_clock import SteppedClock
from tests.fixtures.fake_libvirt import FakeModule, denied, impatient, played, socket_closed
from tests.fixtures.waiting import eventually

RESYNC, LONG = 60.0, 60.0
HOST = "5c8e2c9a-1f0b-4e0e-9a5e-000000000001"
IMPATIENT = 1.0
"""Seconds after which a call counts as unanswered where one of them hangs; one that is only slow is made again."""


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    with played() as module:
        yield module


class Source:
    """The source at work, and what it has said."""

    def __init__(self, module: FakeModule, uri: str, patience: float, several: bool = False) -> None:
        self.clock, self.said = SteppedClock(), list[Observation]()
        files = QemuFiles(Path("/nonexistent"), Path("/nonexistent"))

        self.source = Libvirt(
            uri,
            self.clock,
            EventNumbers(),
            files,
            line=EventLine(uri),
            resync=RESYNC,
            several=several,
            open_session=impatient(module, patience),
        )

    def kinds(self) -> list[type[Observation]]:
        return [type(one) for one in self.said]

    def census(self) -> tuple[list[str], list[str]]:
        """The names of those read and of those unread by the last census."""
        last = next(one for one in reversed(self.said) if isinstance(one, Census))
        known = [one.instance.name for one in last.readings if one.power is not Power.UNKNOWN]
        return known, [one.instance.name for one in last.readings if one.power is Power.UNKNOWN]

    def host(self) -> str:
        """What the last census calls its host."""
        return next(one for one in reversed(self.said) if isinstance(one, Census)).host

    async def begins_with(self, *kinds: type[Observation]) -> None:
        await eventually(lambda: self.kinds() == list(kinds), f"{kinds}, not {self.kinds()}")


@asynccontextmanager
async def at_work(
    module: FakeModule, uri: str = "played:///source", patience: float = LONG, several: bool = False
) -> AsyncIterator[Source]:
    made = Source(module, uri, patience, several)
    task = asyncio.get_running_loop().create_task(made.source.run(made.said.append))
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_subscribes_lists_and_follows(libvirt: FakeModule) -> None:
    one, _other = libvirt.add("one", "other")
    async with at_work(libvirt) as source:
        await source.begins_with(LibvirtBack, Census)
        assert source.census() == (["one", "other"], [])
        libvirt.fire(EventId.LIFECYCLE, one, Lifecycle.STOPPED, 5)
        await eventually(lambda: source.kinds()[-1] is LifecycleChanged, "the event")
    await eventually(lambda: libvirt.sockets == 0, "all sockets to be closed")


async def test_a_domain_that_cannot_be_read_is_named_and_the_others_are_read(
    libvirt: FakeModule, caplog: pytest.LogCaptureFixture
) -> None:
    one, _other = libvirt.add("one", "other")
    one.error = denied()
    with caplog.at_level(logging.WARNING):
        async with at_work(libvirt) as source:
            await source.begins_with(LibvirtBack, Census)
            await source.clock.go_on(5 * RESYNC)
            assert source.census() == (["other"], ["one"])
            assert set(source.kinds()) == {LibvirtBack, Census}
    # One connection for the events, one for each census (three of them soon after the connect).
    assert len(libvirt.opened) == 1 + source.kinds().count(Census) <= 1 + 9
    await eventually(lambda: libvirt.sockets == 0, "all sockets to be closed")
    assert caplog.text.count("how one stands could not be read") == 1


async def test_a_domain_undefined_while_it_is_read_is_nobodys_fault(libvirt: FakeModule) -> None:
    one, _other = libvirt.add("one", "other")
    one.error = libvirt.libvirtError("no such domain", libvirt.VIR_ERR_NO_DOMAIN)
    async with at_work(libvirt) as source:
        await source.begins_with(LibvirtBack, Census)
        assert source.census() == (["other"], [])


async def test_a_census_that_keeps_failing_is_said_and_tried_ever_more_slowly(libvirt: FakeModule) -> None:
    (one,) = libvirt.add("one")
    async with at_work(libvirt) as source:
        await source.begins_with(LibvirtBack, Census)
        one.error = socket_closed()
        opened = len(libvirt.opened)
        await source.clock.go_on(RESYNC)
        assert set(source.kinds()[2:]) == {LibvirtAway}
        assert all(one.heard for one in source.said if isinstance(one, LibvirtAway))
        # 0.1, 0.2, ... 3.2, and then every 5 seconds; the events are heard over the same connection all the time.
        assert len(libvirt.opened) - opened <= 6 + RESYNC / 5
        await eventually(lambda: libvirt.sockets == 1, "the sockets of failed censuses to be closed")
        one.error = None
        await source.clock.go_on(5)
        assert source.kinds()[-2:] == [LibvirtBack, Census]


async def test_a_locked_domain_is_left_out_until_libvirt_has_answered(libvirt: FakeModule) -> None:
    locked, _other = libvirt.add("locked", "other")
    locked.holds = threading.Event()
    async with at_work(libvirt, "played:///locked", IMPATIENT) as source:
        await source.begins_with(LibvirtAway)
        await source.clock.go_on(2 * RESYNC)
        assert source.census() == (["other"], ["locked"])
        assert source.kinds()[-1] is Census
        assert locked.asked == 1
        locked.holds.set()
        await source.clock.go_on(2 * RESYNC)
        assert source.census() == (["locked", "other"], [])


async def test_a_list_that_never_comes_is_said_and_libvirtd_keeps_its_workers(libvirt: FakeModule) -> None:
    (one,) = libvirt.add("one")
    async with at_work(libvirt, "played:///stuck", IMPATIENT) as source:
        await eventually(lambda: Census in source.kinds(), "the first census")
        libvirt.list_holds, opened = threading.Event(), len(libvirt.opened)
        await source.clock.go_on(2 * RESYNC)
        assert source.kinds()[-1] is LibvirtAway
        assert len(libvirt.opened) - opened == LEFT_BEHIND
        libvirt.fire(EventId.LIFECYCLE, one, Lifecycle.STOPPED, 5)
        await eventually(lambda: LifecycleChanged in source.kinds(), "the event, all the same")
        libvirt.list_holds.set()
        await eventually(lambda: left_behind("played:///stuck", "census") == 0, "the lists to come")
        await source.clock.go_on(5)
        await eventually(lambda: source.kinds()[-1] is Census, "a census")


async def test_away_is_said_and_libvirt_is_tried_ever_more_slowly(libvirt: FakeModule) -> None:
    libvirt.refuses = libvirt.libvirtError("connection refused", libvirt.VIR_ERR_SYSTEM_ERROR)
    async with at_work(libvirt) as source:
        await source.begins_with(LibvirtAway)
        await source.clock.go_on(RESYNC)
        assert set(source.kinds()) == {LibvirtAway}
        assert not any(one.heard for one in source.said if isinstance(one, LibvirtAway))
        assert RESYNC / 5 <= len(libvirt.opened) <= 6 + RESYNC / 5
        libvirt.refuses = None
        source.said.clear()
        await source.clock.go_on(5)
        assert [*dict.fromkeys(source.kinds())] == [LibvirtBack, Census]
        source.said.clear()
        libvirt.die()
        await source.begins_with(LibvirtAway)
        await source.clock.go_on(5)
        assert [*dict.fromkeys(source.kinds())] == [LibvirtAway, LibvirtBack, Census]


async def test_whoever_ends_by_a_fault_of_this_program_says_that_nothing_is_heard(
    libvirt: FakeModule,
) -> None:
    """It is begun anew a moment later, and what happens until then is missed."""
    made = Source(libvirt, "played:///source", LONG)

    def emit(told: Observation) -> None:
        made.said.append(told)
        if isinstance(told, Census):
            raise ZeroDivisionError("no good")

    with pytest.raises(ZeroDivisionError):
        await made.source.run(emit)
    assert made.kinds() == [LibvirtBack, Census, LibvirtAway]
    last = made.said[-1]
    assert isinstance(last, LibvirtAway) and "no good" in last.seen and not last.heard


async def test_a_connection_of_no_use_is_thrown_away_and_another_one_made(libvirt: FakeModule) -> None:
    """Its socket lives, and every call over it fails: only the next one may work."""
    libvirt.add("one")
    async with at_work(libvirt) as source:
        await source.begins_with(LibvirtBack, Census)
        libvirt.error = socket_closed()
        await source.clock.go_on(RESYNC)
        libvirt.error = None
        await source.clock.go_on(5)
        assert source.kinds()[-1] is Census


async def test_the_only_uri_is_not_asked_what_it_calls_its_host(libvirt: FakeModule) -> None:
    async with at_work(libvirt) as source:
        await source.begins_with(LibvirtBack, Census)
        assert source.host() == "" and not libvirt.capabilities_asked


async def test_one_of_several_tells_what_it_calls_its_host_once_for_each_connection(
    libvirt: FakeModule,
) -> None:
    async with at_work(libvirt, several=True) as source:
        await source.begins_with(LibvirtBack, Census)
        await source.clock.go_on(2 * RESYNC)
        assert source.host() == HOST and libvirt.capabilities_asked == 1
        libvirt.die()
        await eventually(lambda: LibvirtAway in source.kinds(), "the connection to be missed")
        await source.clock.go_on(RESYNC)
        assert source.kinds()[-1] is Census and libvirt.capabilities_asked == 2


async def test_a_libvirt_that_cannot_tell_its_host_now_is_asked_again_and_keeps_the_last_word(
    libvirt: FakeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As just after its start, when looking at each QEMU binary fails."""
    tells, says = ["", HOST, ""], 0

    def host_of(*_: Any) -> str:
        nonlocal says
        says += 1
        return tells[min(says, len(tells)) - 1]

    monkeypatch.setattr("masakarimonitors.instancemonitor.sources.libvirt.host_of", host_of)
    async with at_work(libvirt, several=True) as source:
        await source.begins_with(LibvirtBack, Census)
        assert source.host() == ""
        await source.clock.go_on(2 * RESYNC)
        assert source.host() == HOST and says == 2
        libvirt.die()
        await eventually(lambda: LibvirtAway in source.kinds(), "the connection to be missed")
        await source.clock.go_on(2 * RESYNC)
        assert source.kinds()[-1] is Census and source.host() == HOST and says > 2


async def test_capabilities_that_never_come_hold_up_no_census(libvirt: FakeModule) -> None:
    """One QEMU binary on dead storage is enough for that, while libvirt lists its domains as ever."""
    uri = "played:///capabilities"
    libvirt.add("one")
    libvirt.capabilities_hold = threading.Event()
    async with at_work(libvirt, uri, IMPATIENT, several=True) as source:
        await eventually(lambda: Census in source.kinds(), "the first census")
        await source.clock.go_on(2 * RESYNC)
        assert source.kinds()[-1] is Census and source.census() == (["one"], []) and source.host() == ""
        await eventually(lambda: left_behind(uri, "host") == 1, "the question to be left behind")
        assert libvirt.capabilities_asked == 1
        libvirt.capabilities_hold.set()
        await eventually(lambda: left_behind(uri, "host") == 0, "the capabilities to come")
        await source.clock.go_on(2 * RESYNC)
        assert source.host() == HOST
        # After a restart of libvirtd the last one holds until it tells anew.
        libvirt.capabilities_hold = threading.Event()
        source.said.clear()
        libvirt.die()
        await eventually(lambda: LibvirtAway in source.kinds(), "the connection to be missed")
        await source.clock.go_on(2 * RESYNC)
        await eventually(lambda: source.kinds()[-1] is Census, "a census")
        assert source.host() == HOST
