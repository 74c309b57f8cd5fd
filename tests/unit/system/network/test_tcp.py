"""How one try of a connection ends, against real sockets of this host. Silence and missing routes need a network of
their own: tests/integration/power/test_signs_of_life.py."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from masakarimonitors.system.network.tcp import Knock, knock, leads_elsewhere, resolved


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"])
def listening(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str, int]]:
    family, address = request.param
    with socket.socket(family) as one:
        try:
            one.bind((address, 0))
        except OSError:
            pytest.skip(f"this host has no {address}")
        one.listen()
        yield one, address, one.getsockname()[1]


async def test_a_port_that_listens_accepts(listening: tuple[socket.socket, str, int]) -> None:
    _, address, port = listening
    assert (await knock(address, port, 30.0))[0] is Knock.ACCEPTED


async def test_a_port_that_does_not_listen_refuses(listening: tuple[socket.socket, str, int]) -> None:
    one, address, port = listening
    one.close()
    assert await knock(address, port, 30.0) == (Knock.REFUSED, "Connection refused")


@pytest.mark.parametrize("listens", [True, False])
async def test_what_the_kernel_has_heard_while_this_process_stood_still_counts(
    listening: tuple[socket.socket, str, int], listens: bool
) -> None:
    """A host whose answer came in time must not be found silent because nobody looked at it in time."""
    one, address, port = listening
    if not listens:
        one.close()
    loop = asyncio.get_running_loop()
    knocking = loop.create_task(knock(address, port, 0.05))
    loop.call_soon(time.sleep, 0.2)  # in the turn in which it has knocked
    assert (await knocking)[0] is (Knock.ACCEPTED if listens else Knock.REFUSED)


async def test_a_full_queue_is_silence(listening: tuple[socket.socket, str, int]) -> None:
    """The kernel drops what does not fit, exactly as if the packet had been lost on its way."""
    one, address, port = listening
    one.listen(0)
    loop = asyncio.get_running_loop()
    waiting = []
    try:
        for _ in range(3):
            client = socket.socket(one.family)
            client.setblocking(False)
            waiting.append((client, loop.create_task(loop.sock_connect(client, (address, port)))))
            await asyncio.sleep(0)
        how, why = await knock(address, port, 0.2)
        assert (how, why) == (Knock.SILENT, "no answer within 0.2 s")
    finally:
        for client, task in waiting:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            client.close()


@pytest.mark.parametrize(
    ("address", "port", "words"),
    [
        ("node1.example", 22, "'node1.example' is no IP address"),
        ("", 22, "'' is no IP address"),
        ("192.0.2.1\0", 22, "no IP address"),
        ("192.0.2.1", 0, "0 is no port"),
        ("192.0.2.1", 70000, "70000 is no port"),
    ],
)
async def test_what_is_no_address_is_not_tried(address: str, port: int, words: str) -> None:
    how, why = await knock(address, port, 30.0)
    assert how is Knock.NO_WAY and words in why


async def test_without_descriptors_nothing_is_said_of_the_far_side(
    listening: tuple[socket.socket, str, int],
) -> None:
    _, address, port = listening
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        how, _ = await knock(address, port, 30.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert how is Knock.SHORTAGE


def test_a_zone_is_part_of_an_address() -> None:
    family, target = resolved("fe80::1%lo", 22)
    assert (family, target[1], target[3]) == (socket.AF_INET6, 22, socket.if_nametoindex("lo"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "224.0.0.1"])
def test_addresses_of_this_host_lead_nowhere_else(address: str) -> None:
    assert not leads_elsewhere(address)


def test_a_foreign_address_leads_elsewhere() -> None:
    assert leads_elsewhere("192.0.2.1")
