"""One try of a TCP connection, and what its end says of the far side. Nothing is ever sent on it.

In: an IP address and a port. Out: one `Knock`, always. A kernel that accepts *or refuses* lives; silence is what a
dead host and a cut network have in common; and what failed on this side says nothing of the other.
"""

import asyncio
import errno
import ipaddress
import os
import select
import socket
from enum import StrEnum


class Knock(StrEnum):
    """How one try of a connection has ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Reset by the far side: nothing listens on that port, but a kernel answers. (A firewall on the way that rejects
    in the host's name looks the same.)"""
    SILENT = "silent"
    """No answer in time, or none to ARP, be it ours or that of the router next to it ("no route to host")."""
    NO_WAY = "no way"
    """There is no route there, or it is no address: nothing was tried."""
    SHORTAGE = "shortage"
    """This process could not try: no descriptors, no memory, a local firewall."""


_SILENT = {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT}
_ANSWERED = {errno.ECONNREFUSED, errno.ECONNRESET}
_NO_WAY = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL}

SocketAddress = tuple[object, ...]


async def knock(address: str, port: int, timeout: float) -> tuple[Knock, str]:
    """Try `address` (IPv4 or IPv6) within `timeout` seconds; the second word is why, in a clause."""
    try:
        family, target = resolved(address, port)
    except ValueError as fault:
        return Knock.NO_WAY, str(fault)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setblocking(False)
            number = one.connect_ex(target)
            if number == errno.EINPROGRESS:
                await _ended(one, timeout)
                # The kernel's word, not our clock's: this process may have stood still while an answer came.
                if not _has_ended(one):
                    return Knock.SILENT, f"no answer within {timeout:g} s"
                number = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as fault:
        number = fault.errno or errno.EIO
    return (_of(number), os.strerror(number)) if number else (Knock.ACCEPTED, "it accepts connections")


async def _ended(one: socket.socket, seconds: float) -> None:
    """Until the kernel has something to say of the connection, or the time is over."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    waiting = loop.create_task(ended.wait())
    loop.add_writer(one, ended.set)
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        loop.remove_writer(one)
        waiting.cancel()


def _has_ended(one: socket.socket) -> bool:
    look = select.poll()
    look.register(one, select.POLLOUT)
    return bool(look.poll(0))


def resolved(address: str, port: int) -> tuple[int, SocketAddress]:
    """Family and socket address of an IP address, with its zone; ValueError for anything else. Asks nobody."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    try:
        ipaddress.ip_address(address)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=flags)
    except (ValueError, OSError):
        raise ValueError(f"{address!r} is no IP address") from None
    return found[0][0], found[0][4]


def leads_elsewhere(address: str) -> bool:
    """Whether packets to this IP address leave this host: asked of the routing table, nothing is sent."""
    try:
        family, target = resolved(address, 9)
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.connect(target)
            return bool(one.getsockname()[0] != target[0]) and not _stays(address)
    except (ValueError, OSError):
        return not _stays(address)  # without a route: whoever tries it will be told


def _stays(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or ip.is_unspecified or ip.is_multicast


def _of(number: int) -> Knock:
    if number in _ANSWERED:
        return Knock.REFUSED
    if number in _SILENT:
        return Knock.SILENT
    return Knock.NO_WAY if number in _NO_WAY else Knock.SHORTAGE
