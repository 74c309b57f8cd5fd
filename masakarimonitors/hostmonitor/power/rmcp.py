"""Is there any BMC at all? A packet that every one answers without a password, for when ipmitool had no answer.

ipmitool tells a wrong password from a dead BMC only by words that differ from release to release, and some BMCs keep
silent about a wrong password until ipmitool's patience ends. Two questions of the IPMI 2.0 specification need no
session: the presence ping of its section 13, and Get Channel Authentication Capabilities of section 22.13, with which
every session begins. Whoever answers either has power.
"""

import asyncio
import errno
import os

from masakarimonitors.hostmonitor.power.names import NameFault, Names
from masakarimonitors.system.network.tcp import Knock

PORT = 623

_PRESENCE_PING = bytes.fromhex("0600ff06 000011be 80000000")
_CAPABILITIES = bytes.fromhex("0600ff07 00 00000000 00000000 09 2018c8 81 00 38 8e04 b5")

_PAUSES = (0.7, 0.7, 1.1)
"""Seconds for which an answer is waited for after both were sent, each time: UDP loses packets, and busy BMCs lose
more; a healthy one needs some milliseconds. Counted from the sending, so that a process that stood still before has
given time to answer all the same."""

_NO_ROUTE = {errno.EHOSTUNREACH, errno.EHOSTDOWN}


class _Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Future[tuple[Knock, str]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._settle(Knock.ACCEPTED, "it answers IPMI's ping")

    def error_received(self, exc: Exception) -> None:
        number = exc.errno if isinstance(exc, OSError) else None
        if number == errno.ECONNREFUSED:
            self._settle(Knock.REFUSED, "its IPMI port is closed")
        elif number in _NO_ROUTE:
            self._settle(Knock.SILENT, os.strerror(number or 0))

    def _settle(self, how: Knock, why: str) -> None:
        if not self.heard.done():
            self.heard.set_result((how, why))


async def ping(host: str, port: int, names: Names) -> tuple[Knock, str]:
    """Ask `host` (a name or an address) on UDP `port`; the second word is why, in a clause."""
    loop = asyncio.get_running_loop()
    try:
        address = (await names.addresses(host, port))[0]
        transport, listener = await loop.create_datagram_endpoint(_Listener, remote_addr=(address, port))
    except NameFault as fault:
        return Knock.NO_WAY, str(fault)
    except OSError as fault:
        silent = fault.errno in _NO_ROUTE
        return Knock.SILENT if silent else Knock.SHORTAGE, fault.strerror or str(fault)
    try:
        for seconds in _PAUSES:
            _send(transport)
            # What came while this process stood still is heard before its time is over.
            await asyncio.wait({listener.heard}, timeout=seconds)
            if listener.heard.done():
                return listener.heard.result()
        return Knock.SILENT, "no answer to IPMI's ping either"
    finally:
        transport.close()


def _send(transport: asyncio.DatagramTransport) -> None:
    if not transport.is_closing():
        transport.sendto(_PRESENCE_PING)
        transport.sendto(_CAPABILITIES)
