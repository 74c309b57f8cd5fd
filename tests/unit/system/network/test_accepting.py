"""Sockets that listen over TCP."""

import asyncio
import socket

import pytest

from masakarimonitors.system.network import accepting


async def test_a_taken_address_is_an_error_and_a_name_may_have_several() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        await accepting.listen("127.0.0.1", taken.getsockname()[1])
    found = await accepting.listen("localhost", 0)
    assert found
    for one in found:
        one.close()


async def test_whoever_connects_is_served_and_one_that_cannot_be_keeps_nobody_out() -> None:
    class Hello(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"hello")
            transport.close()

    made = 0

    def make() -> asyncio.Protocol:
        nonlocal made
        made += 1
        if made == 1:
            raise RuntimeError("a fault inside")
        return Hello()

    listening = await accepting.listen("127.0.0.1", 0)
    said = []
    async with accepting.accepting(listening, make):
        for _ in range(2):
            reader, writer = await asyncio.open_connection(*listening[0].getsockname()[:2])
            said.append(await reader.read())
            writer.close()
    assert said == [b"", b"hello"]
    for one in listening:
        one.close()
