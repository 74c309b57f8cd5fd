"""All that the driver for Pacemaker runs, by name: a closed table, from which root's half makes the command, too.

In: an operation and its few arguments, each of which is checked. Out: the command. Pure. So a monitor that is not root
asks for `Operation.CIB`, and never for an argument vector.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import is_number

KEEP = 64 << 20
"""Bytes of output that are kept: the CIB of a thousand remote nodes is some megabytes."""


class Operation(StrEnum):
    """What is asked of Pacemaker, Corosync and the network; nothing of it changes anything there."""

    CIB = "cib"
    RESOURCES = "resources"
    STATUS = "status"
    QUORUM = "quorum"
    LINKS = "links"
    ADDRESSES = "addresses"
    PACKET = "packet"


class NoSuchOperationError(ValueError):
    """This is not in the table, or not with such arguments; the message shows nothing of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One command. ADDRESSES takes an interface; PACKET an interface, a UDP port and the addresses of this host."""

    operation: Operation
    arguments: tuple[str, ...] = ()

    @property
    def argv(self) -> list[str]:
        """The command; raises NoSuchOperationError for arguments that the operation does not take."""
        return _TABLE[self.operation](self.arguments)

    @property
    def program(self) -> str:
        """Its first word."""
        return self.argv[0]


# The kernel's dev_valid_name, less what a command could take for an option.
_INTERFACE = re.compile(r"(?!-)(?!\.\.?\Z)[^/:\s\x00-\x1f\x7f]{1,15}\Z")

_ADDRESSES = 4096
"""More than any host has of its own on one interface; far below what a command line takes."""


def _fixed(*argv: str) -> Callable[[Sequence[str]], list[str]]:
    def command(arguments: Sequence[str]) -> list[str]:
        if arguments:
            raise NoSuchOperationError("this operation takes no arguments")
        return list(argv)

    return command


def _addresses(arguments: Sequence[str]) -> list[str]:
    if len(arguments) != 1:
        raise NoSuchOperationError("this operation takes one interface")
    return ["ip", "-o", "addr", "show", "dev", _interface(arguments[0])]


def _packet(arguments: Sequence[str]) -> list[str]:
    """Ends with the first packet of Corosync on this ring that somebody else has sent.

    Corosync also uses the port below. Incoming packets only, and none from our own addresses: multicast loops our own
    back to us.
    """
    if not 2 <= len(arguments) <= 2 + _ADDRESSES:
        raise NoSuchOperationError("this operation takes an interface, a port and addresses")
    interface, port = _interface(arguments[0]), _port(arguments[1])
    ours = " or ".join(f"src host {_address(one)}" for one in arguments[2:])
    wanted = f"udp and (port {port} or port {port - 1})"
    if ours:
        wanted = f"{wanted} and not ({ours})"
    return ["tcpdump", "-i", interface, "-n", "-p", "-Q", "in", "-c", "1", wanted]


def _interface(text: str) -> str:
    if not _INTERFACE.match(text):
        raise NoSuchOperationError("this is no name of a network interface")
    return text


def _port(text: str) -> int:
    if not is_number(text) or len(text) > 5 or not 0 < int(text) < 65536:
        raise NoSuchOperationError("this is no UDP port (1-65535)")
    return int(text)


def _address(text: str) -> str:
    # A scope ("%eth0") may hold anything at all.
    if "%" not in text:
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            pass
    raise NoSuchOperationError("this is no address")


_TABLE: Mapping[Operation, Callable[[Sequence[str]], list[str]]] = {
    Operation.CIB: _fixed("cibadmin", "--query"),
    Operation.RESOURCES: _fixed("cibadmin", "--query", "--scope", "resources"),
    Operation.STATUS: _fixed("crm_mon", "--output-as=xml"),
    Operation.QUORUM: _fixed("corosync-quorumtool", "-s"),
    Operation.LINKS: _fixed("corosync-cfgtool", "-s"),
    Operation.ADDRESSES: _addresses,
    Operation.PACKET: _packet,
}
