"""Is there a BMC at all: the two questions that need no password, asked of sockets of this host."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

import pytest

from masakarimonitors.hostmonitor.power import rmcp
from masakarimonitors.hostmonitor.power.names import Names
from masakarimonitors.hostmonitor.power.rmcp import ping
from masakarimonitors.system.network.tcp import Knock
from tests.fixtures.waiting import PATIENCE

# As ipmi_sim (OpenIPMI 2.0.33) answers the presence ping.
PONG = bytes.fromhex("0600ff06000011be40000010000011be000000008100000000000000")


@pytest.fixture
def names() -> Iterator[Names]:
    one = Names(30.0)
    yield one
    one.end()


class Bmc(asyncio.DatagramProtocol):
    """Answers what `answer` says."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        answer = self._answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def serving(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[tuple[Bmc, int]]:
    loop = asyncio.get_running_loop()
    transport, bmc = await loop.create_datagram_endpoint(lambda: Bmc(answer), local_addr=("127.0.0.1", 0))
    try:
        yield bmc, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_a_bmc_that_answers_the_presence_ping_has_power(names: Names) -> None:
    async with serving(lambda data: PONG if data[3] == 6 else None) as (_, port):
        assert await ping("127.0.0.1", port, names) == (Knock.ACCEPTED, "it answers IPMI's ping")


async def test_a_bmc_that_answers_only_the_other_question_has_power(names: Names) -> None:
    async with serving(lambda data: b"\x06\x00\xff\x07" if data[3] == 7 else None) as (_, port):
        assert (await ping("127.0.0.1", port, names))[0] is Knock.ACCEPTED


async def test_a_bmc_that_says_nothing_is_silent_and_was_asked_more_than_once(names: Names) -> None:
    async with serving(lambda data: None) as (bmc, port):
        assert await ping("127.0.0.1", port, names) == (Knock.SILENT, "no answer to IPMI's ping either")
    assert len(bmc.heard) == 6 and {data[3] for data in bmc.heard} == {6, 7}


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, threading.Semaphore]]:
    """A BMC that answers whatever this process does; its port, and how often it has answered."""
    answered = threading.Semaphore(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(PATIENCE)

        def answer() -> None:
            while (asked := one.recvfrom(100))[0]:
                one.sendto(PONG, asked[1])
                answered.release()

        thread = threading.Thread(target=answer)
        thread.start()
        yield one.getsockname()[1], answered
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.sendto(b"", one.getsockname())
        thread.join()


@pytest.mark.parametrize("still", ["before it asks", "after it has asked"])
async def test_an_answer_that_came_while_this_process_stood_still_counts(
    still: str,
    names: Names,
    elsewhere: tuple[int, threading.Semaphore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For longer than all the time that a BMC has."""
    port, answered = elsewhere
    send = rmcp._send

    def sending(transport: asyncio.DatagramTransport) -> None:
        if still == "before it asks":
            time.sleep(0.2)
        send(transport)
        assert answered.acquire(timeout=PATIENCE)
        if still == "after it has asked":
            time.sleep(0.2)

    monkeypatch.setattr(rmcp, "_send", sending)
    monkeypatch.setattr(rmcp, "_PAUSES", (0.05,))
    assert (await ping("127.0.0.1", port, names))[0] is Knock.ACCEPTED


async def test_a_closed_port_is_not_silence(names: Names) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    assert await ping("127.0.0.1", port, names) == (Knock.REFUSED, "its IPMI port is closed")


async def test_a_name_that_is_not_known_is_not_silence(names: Names) -> None:
    how, why = await ping("no-such-bmc.invalid", 623, names)
    assert how is Knock.NO_WAY and "looked up" in why
