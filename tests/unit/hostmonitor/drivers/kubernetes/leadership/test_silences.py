"""Silences on the Lease of a replay server: written by whoever is asked, heard of by all, and kept through renewals."""

import asyncio
import contextlib
import datetime
import json
from pathlib import Path

import pytest

from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import Silence, read, write
from masakarimonitors.hostmonitor.core.observation import Follower, Leader
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import SILENCES
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.silences import LeaseSilences
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.kubernetes_replay import Replay
from tests.fixtures.silences import ended, silence
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.kubernetes.hearing import Heard, listening
from tests.unit.hostmonitor.drivers.kubernetes.leadership.test_elector import elector, held_by

ONE = silence("s1", SystemClock().now().wall)
TWO = silence("s2", SystemClock().now().wall, "all")


async def hears(heard: Heard, *wanted: Silence) -> None:
    await heard.until(SilencesSeen, lambda said: tuple(said.silences) == wanted)


async def test_what_a_follower_is_asked_for_all_hear_of(tmp_path: Path) -> None:
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        first, second = elector(tmp_path, server, "n1"), elector(tmp_path, server, "n2")
        leader = await stack.enter_async_context(listening(first))
        await leader.until(Leader)
        follower = await stack.enter_async_context(listening(second))
        await follower.until(Follower, lambda said: said.leader == "n1")
        await second.silences.share([ONE])
        await hears(leader, ONE)
        await first.silences.share([TWO])
        await hears(follower, ONE, TWO)
        await second.silences.share([ended(ONE)])
        await hears(leader, ended(ONE), TWO)
        assert server.lease is not None and server.lease["spec"]["holderIdentity"] == "n1"


async def test_what_cannot_be_written_is_not_shared(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        source = elector(tmp_path, server, "n1")
        with pytest.raises(NotShared, match="does not run"):
            await source.silences.share([ONE])
        async with listening(source) as heard:
            await heard.until(Leader)
            server.write_status = 403
            with pytest.raises(NotShared):
                await source.silences.share([ONE])
            server.write_status = 200
            await source.silences.share([ONE])
            await hears(heard, ONE)


async def test_what_cannot_be_read_is_an_alarm_and_says_nothing(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        server.lease = held_by("")
        server.lease["metadata"].setdefault("annotations", {})[SILENCES] = "what is this"
        source = elector(tmp_path, server, "n1")
        async with listening(source) as heard:
            await eventually(lambda: source.troubles, "an alarm")
            await source.silences.share([ONE])
            await hears(heard, ONE)
            assert not source.troubles
            assert "s1" in json.dumps(server.lease)


def test_what_is_to_be_written_is_all_there_is_and_that_once() -> None:
    silences = LeaseSilences(lambda: None)
    now = ONE.made
    assert silences.due((), now) is None

    async def ask() -> None:
        silences.begin(lambda said: None)
        asked = asyncio.get_running_loop().create_task(silences.share([ONE]))
        await asyncio.sleep(0)
        assert silences.due((TWO,), now) == [TWO, ONE] and silences.due(None, now) == [ONE]
        assert silences.due((ended(ONE),), now) is None
        silences.take(read(write([ended(ONE)])))
        await asked
        assert silences.due((), now) is None, "it was there"

    asyncio.run(ask())


def test_what_is_past_before_it_could_be_written_is_not_written_for_ever() -> None:
    silences = LeaseSilences(lambda: None)

    async def ask() -> None:
        silences.begin(lambda said: None)
        asked = asyncio.get_running_loop().create_task(silences.share([ONE]))
        await asyncio.sleep(0)
        assert silences.due((), ONE.until + datetime.timedelta(hours=2)) is None
        asked.cancel()

    asyncio.run(ask())


def test_what_makes_no_sense_among_them_is_told_of() -> None:
    silences = LeaseSilences(lambda: None)
    silences.take((ONE,), 2)
    assert "2 of the silences on the Lease make no sense" in silences.troubles[0]
    silences.take((ONE,))
    assert silences.troubles == ()
