"""Kept sessions: each is lent to one at a time, kept when it was good, and thrown away when it was not."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from masakarimonitors.libvirt.faults import Unanswered, Unavailable
from masakarimonitors.libvirt.kept import KeptSessions
from masakarimonitors.libvirt.session import session
from tests.fixtures.fake_clock import settle
from tests.fixtures.fake_libvirt import FakeModule
from tests.fixtures.waiting import eventually

LONG = 60.0


def kept(libvirt: FakeModule, most: int, purpose: str = "kept") -> KeptSessions:
    return KeptSessions("played:///kept", purpose, most, open_session=partial(session, api=libvirt.api))


def version(connection: Any) -> Any:
    return connection.getLibVersion()


async def test_one_session_serves_question_after_question(libvirt: FakeModule) -> None:
    sessions = kept(libvirt, 4)
    for _ in range(5):
        async with sessions.one() as one:
            assert await one.call(version, LONG)
    assert len(libvirt.opened) == 1
    await sessions.close()
    await eventually(lambda: libvirt.sockets == 0, "it to be closed")


async def test_at_the_same_time_each_has_its_own_and_further_ones_wait(libvirt: FakeModule) -> None:
    sessions, got, go_on = kept(libvirt, 2), list[object](), asyncio.Event()

    async def use() -> None:
        async with sessions.one() as one:
            got.append(one)
            await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(use())
        await eventually(lambda: len(got) == 2, "two to be lent")
        await settle()
        assert len(set(got)) == 2
        go_on.set()
    assert len(got) == 3
    assert len(libvirt.opened) == 2
    await sessions.close()


async def test_one_that_failed_is_never_lent_again(libvirt: FakeModule) -> None:
    sessions = kept(libvirt, 1)
    async with sessions.one():
        pass
    libvirt.holds = holds = threading.Event()
    with pytest.raises(Unanswered):
        async with sessions.one() as one:
            await one.call(version, 0.01)
    libvirt.holds = None
    async with sessions.one() as another:
        assert another is not one
        assert await another.call(version, LONG)
    holds.set()
    await sessions.close()


async def test_one_that_broke_while_nobody_used_it_is_not_lent(libvirt: FakeModule) -> None:
    sessions = kept(libvirt, 1)
    async with sessions.one() as one:
        pass
    libvirt.die()
    async with asyncio.timeout(LONG):
        await one.lost.wait()
    async with sessions.one() as another:
        assert await another.call(version, LONG)
    assert len(libvirt.opened) == 2
    await sessions.close()


async def test_a_refusal_is_told_and_holds_no_place(libvirt: FakeModule) -> None:
    sessions = kept(libvirt, 1)
    libvirt.refuses = libvirt.libvirtError("no", libvirt.VIR_ERR_AUTH_FAILED)
    for _ in range(3):
        with pytest.raises(Unavailable, match="refuses"):
            async with sessions.one():
                pytest.fail("it was lent")  # pragma: no cover
    libvirt.refuses = None
    async with sessions.one():
        pass
    await sessions.close()


async def test_what_is_given_back_after_the_close_is_closed(libvirt: FakeModule) -> None:
    sessions = kept(libvirt, 1)
    async with sessions.one():
        await sessions.close()
    await eventually(lambda: libvirt.sockets == 0, "it to be closed")
