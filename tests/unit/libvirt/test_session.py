"""A session is opened once and thrown away whole: its events, its socket, its threads."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from masakarimonitors.libvirt.faults import Unanswered, Unavailable
from masakarimonitors.libvirt.session import LEFT_BEHIND, OPENINGS_LEFT_BEHIND, Retry, left_behind, session
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.fake_libvirt import FakeModule, denied, socket_closed
from tests.fixtures.standstill import some_turns, stand_still
from tests.fixtures.waiting import eventually

URI, SOON, LONG = "played:///one", 0.01, 60.0
LIFECYCLE = 0


def nothing(*_arguments: Any) -> None:
    pass


async def test_it_is_open_for_the_length_of_its_block(libvirt: FakeModule) -> None:
    async with session(URI, "test", api=libvirt.api) as opened:
        assert await opened.call(lambda connection: connection.getLibVersion(), LONG) == 9_000_000
        assert libvirt.opened == [(URI, libvirt.VIR_CONNECT_RO)]
        assert libvirt.sockets == 1
    await eventually(lambda: libvirt.sockets == 0, "its socket to be closed")
    with pytest.raises(Unavailable, match="closed by us"):
        await opened.call(lambda connection: connection.getLibVersion(), LONG)


async def test_events_are_given_up_before_the_socket_is_closed(libvirt: FakeModule) -> None:
    async with session(URI, "test", api=libvirt.api) as opened:
        await opened.subscribe({LIFECYCLE: nothing, 1: nothing}, LONG)
        (connection,) = libvirt.connections
        assert len(connection.callbacks) == 2
    await eventually(lambda: connection.closed, "the socket to be closed, which a callback would keep open")


async def test_an_event_is_heard_until_the_session_is_over(libvirt: FakeModule) -> None:
    heard: list[Any] = []
    (domain,) = libvirt.add("a")
    async with session(URI, "test", api=libvirt.api) as opened:
        await opened.subscribe({LIFECYCLE: lambda _c, d, *_: heard.append(d)}, LONG)
        libvirt.fire(LIFECYCLE, domain, 5, 5)
        await eventually(lambda: heard == [domain], "the event")
        libvirt.die()
        async with asyncio.timeout(LONG):
            await opened.lost.wait()
        libvirt.fire(LIFECYCLE, domain, 5, 5)
        passed: list[int] = []
        libvirt.virEventAddTimeout(0, lambda number, _: passed.append(number), None)
        await eventually(lambda: passed, "libvirt's thread to come by")
        assert heard == [domain]


async def test_an_event_that_a_driver_does_not_know_is_done_without_where_it_may(libvirt: FakeModule) -> None:
    libvirt.unsupported = {1}
    async with session(URI, "test", api=libvirt.api) as opened:
        await opened.subscribe({LIFECYCLE: nothing, 1: nothing}, LONG, optional=frozenset({1}))
    with pytest.raises(Unavailable, match="not supported"):
        async with session(URI, "test", api=libvirt.api) as opened:
            await opened.subscribe({LIFECYCLE: nothing, 1: nothing}, LONG)


@pytest.mark.parametrize("stood_still", [False, True])
async def test_an_answer_stands_behind_the_events_of_before(
    libvirt: FakeModule, monkeypatch: pytest.MonkeyPatch, stood_still: bool
) -> None:
    """Also where this process stood still meanwhile, with the thread that hears the events."""
    heard: list[str] = []
    release = threading.Event()
    (domain,) = libvirt.add("a")
    async with session(URI, "test", api=libvirt.api) as opened:

        def hear(*_arguments: Any) -> None:
            release.wait(60)
            heard.append("event")

        await opened.subscribe({LIFECYCLE: hear}, LONG)
        libvirt.fire(LIFECYCLE, domain, 5, 5)

        async def answer() -> None:
            await opened.let_events_pass(LONG)
            heard.append("answer")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answer())
            await eventually(lambda: libvirt.timers, "it to stand in line")
            await settle()
            if stood_still:
                stand_still(monkeypatch, 10 * LONG)
                await some_turns()
            assert heard == []
            release.set()
    assert heard == ["event", "answer"]


@pytest.mark.parametrize("error", [denied, socket_closed])
async def test_an_error_ends_it_and_is_told(libvirt: FakeModule, error: Callable[[], Any]) -> None:
    with pytest.raises(Unavailable, match=str(error())):
        async with session(URI, "test", api=libvirt.api) as opened:
            libvirt.error = error()
            await opened.call(lambda connection: connection.listAllDomains(), LONG)
    assert opened.lost.is_set()
    await eventually(lambda: libvirt.sockets == 0, "its socket to be closed")


async def test_what_the_function_takes_for_an_answer_ends_nothing(libvirt: FakeModule) -> None:
    class NotThere(Exception):
        pass

    def look(connection: Any) -> None:
        try:
            connection.lookupByUUIDString("nobody")
        except libvirt.libvirtError as error:
            raise NotThere from error

    async with session(URI, "test", api=libvirt.api) as opened:
        with pytest.raises(NotThere):
            await opened.call(look, LONG)
        assert await opened.call(lambda connection: connection.getLibVersion(), LONG)


async def test_a_call_without_an_answer_ends_it_and_its_thread_is_left_behind(libvirt: FakeModule) -> None:
    holds = threading.Event()
    with pytest.raises(Unanswered):
        async with session(URI, "hung", api=libvirt.api) as opened:
            libvirt.holds = holds
            await opened.call(lambda connection: connection.listAllDomains(), SOON)
    with pytest.raises(Unavailable):
        await opened.call(lambda connection: connection.listAllDomains(), LONG)
    # The call is still under way; what is left of the session is closed beside it.
    await eventually(lambda: libvirt.connections[0].closed, "the connection to be let go of")
    await eventually(lambda: left_behind(URI, "hung") == 1, "the hung call alone to be left behind")
    holds.set()
    await eventually(lambda: left_behind(URI, "hung") == 0, "the call to come back")


async def test_a_question_that_is_given_up_leaves_its_session_to_nobody(libvirt: FakeModule) -> None:
    async with session(URI, "given-up", api=libvirt.api) as opened:
        libvirt.holds = threading.Event()
        call = opened.call(lambda connection: connection.listAllDomains(), LONG)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await call
        assert opened.lost.is_set()


async def test_no_more_than_a_few_calls_are_left_behind(libvirt: FakeModule) -> None:
    async def ask() -> None:
        async with session(URI, "few", api=libvirt.api) as opened:
            libvirt.holds = holds
            await opened.call(lambda connection: connection.listAllDomains(), SOON)

    holds = threading.Event()
    for number in range(LEFT_BEHIND):
        with pytest.raises(Unanswered, match="gave no answer"):
            await ask()
        libvirt.holds = None
        await eventually(lambda n=number: left_behind(URI, "few") == n + 1, "one more to be left behind")  # type: ignore[misc]
    with pytest.raises(Unanswered, match="a restart of libvirtd frees"):
        await ask()
    assert len(libvirt.opened) == LEFT_BEHIND
    # Another purpose has its own.
    async with session(URI, "other", api=libvirt.api):
        pass
    holds.set()
    await eventually(lambda: left_behind(URI, "few") == 0, "them to come back")
    libvirt.holds = None
    async with session(URI, "few", api=libvirt.api):
        pass


async def test_openings_that_hang_are_bounded_too_and_closed_when_they_come_back(libvirt: FakeModule) -> None:
    libvirt.holds = threading.Event()
    for _ in range(OPENINGS_LEFT_BEHIND):
        with pytest.raises(Unanswered, match="libvirtd hangs or is overloaded"):
            async with session(URI, "opening", timeout=SOON, api=libvirt.api):
                pytest.fail("it was opened")  # pragma: no cover
    with pytest.raises(Unanswered, match="refused none"):
        async with session(URI, "opening", timeout=SOON, api=libvirt.api):
            pytest.fail("it was opened")  # pragma: no cover
    assert len(libvirt.opened) <= OPENINGS_LEFT_BEHIND
    libvirt.holds.set()
    await eventually(lambda: left_behind(URI, "opening", opened=False) == 0, "them to come back")
    await eventually(lambda: libvirt.sockets == 0, "what was opened too late to be closed")
    async with session(URI, "opening", timeout=LONG, api=libvirt.api) as opened:
        assert await opened.call(lambda connection: connection.getLibVersion(), LONG)


async def test_a_refusal_says_what_to_do(libvirt: FakeModule) -> None:
    libvirt.refuses = libvirt.libvirtError("permission denied", libvirt.VIR_ERR_AUTH_FAILED)
    with pytest.raises(Unavailable, match="usually libvirt") as caught:
        async with session(URI, "test", api=libvirt.api):
            pytest.fail("it was opened")  # pragma: no cover
    assert caught.value.refused


async def test_without_a_thread_it_is_away_and_later_back(
    libvirt: FakeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", start)
        with pytest.raises(Unavailable, match="TasksMax"):
            async with session(URI, "test", api=libvirt.api):
                pytest.fail("it was opened")  # pragma: no cover
    async with session(URI, "test", api=libvirt.api) as opened:
        assert await opened.call(lambda connection: connection.getLibVersion(), LONG)


async def test_the_pauses_grow_until_something_has_worked() -> None:
    clock, ended = FakeClock(), list[float]()
    retry = Retry(clock, 0.1, 5.0)

    async def go_on() -> None:
        for _ in range(9):
            await retry.pause()
            ended.append(round(clock.now().monotonic - 1000, 1))
        retry.worked()
        await retry.pause()
        ended.append(round(clock.now().monotonic - 1000, 1))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(go_on())
        await clock.advance(LONG)
    pauses = [round(after - before, 1) for before, after in zip([0.0, *ended], ended, strict=False)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 0.1]


async def test_a_pause_ends_early_when_what_it_waits_for_happens() -> None:
    event = asyncio.Event()
    event.set()
    await Retry(FakeClock(), 0.1, 5.0).pause_unless(event)
    assert event.is_set()
