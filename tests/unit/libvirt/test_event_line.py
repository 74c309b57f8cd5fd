"""The line of a URI's events, in which answers stand."""

import threading

import pytest

from masakarimonitors.libvirt.event_line import EventLine
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.session import session
from tests.fixtures.fake_libvirt import FakeModule

LIFECYCLE = 0


async def test_an_answer_waits_for_the_events_of_its_libvirt(libvirt: FakeModule) -> None:
    line, heard, release = EventLine("here"), list[str](), threading.Event()
    (domain,) = libvirt.add("a")

    def hear(*_arguments: object) -> None:
        release.wait(60)
        heard.append("event")

    async with session("here", "events", api=libvirt.api) as events:
        await events.subscribe({LIFECYCLE: hear}, 60)
        with line.heard_over(events):
            libvirt.fire(LIFECYCLE, domain, 5, 5)
            release.set()
            await line.let_pass()
            assert heard == ["event"]


async def test_while_nobody_hears_events_no_answer_may_be_told(libvirt: FakeModule) -> None:
    line = EventLine("here")
    with pytest.raises(Unavailable, match="not heard"):
        await line.let_pass()
    async with session("here", "events", api=libvirt.api) as events:
        with line.heard_over(events):
            await line.let_pass()
        with pytest.raises(Unavailable, match="not heard"):
            await line.let_pass()
