"""Names of BMCs: an address is its own answer, and a name that hangs costs its own time alone."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from masakarimonitors.hostmonitor.power.names import NameFault, Names


@pytest.fixture
def names() -> Iterator[Names]:
    one = Names(30.0)
    yield one
    one.end()


@pytest.mark.parametrize(
    ("host", "address"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("[2001:db8::0:1]", "2001:db8::1")],
)
async def test_an_address_stands_for_itself(names: Names, host: str, address: str) -> None:
    assert await names.addresses(host, 623) == [address]


@pytest.mark.parametrize("name", [" ", "a" * 70 + ".invalid", "a..b", "a\0b", "no-such-bmc.invalid"])
async def test_what_cannot_be_looked_up_is_a_fault_in_words(names: Names, name: str) -> None:
    with pytest.raises(NameFault, match=r"cannot be looked up|could not be looked up"):
        await names.addresses(name, 623)


async def test_a_look_up_that_hangs_costs_its_own_time_and_a_thread_until_it_ends() -> None:
    go_on, hanging = threading.Event(), list[str]()

    def look_up(host: str, *rest: Any) -> Any:
        if host == "hangs":
            hanging.append(host)
            go_on.wait()
        return socket.getaddrinfo("192.0.2.1", *rest)

    names = Names(0.2, threads=2, look_up=look_up)
    try:
        while len(hanging) < 2:  # one that is given up before its thread comes to it takes none
            with pytest.raises(NameFault, match=r"could not be looked up within 0 s"):
                await names.addresses("hangs", 623)
        with pytest.raises(NameFault):  # no thread is left
            await names.addresses("bmc-1", 623)
        assert await names.addresses("192.0.2.1", 623) == ["192.0.2.1"]  # needs none
    finally:
        go_on.set()
        names.end()
