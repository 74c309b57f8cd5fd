"""Which BMC is whose. Pure: names and addresses in, what belongs together out.

One BMC controls one host (or one blade, one system of several). A BMC that two hosts name is a mistake of a
configuration that was copied, and its "off" would prove the wrong host dead.
"""

import contextlib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.hostmonitor.power.bmc import Address, Speaks
from masakarimonitors.hostmonitor.power.redact import place

_LONGEST_PORT = 5
_PORTS = {Speaks.IPMI: 623, Speaks.REDFISH: 443}


def merged(
    listed: Mapping[str, Address], learned: Mapping[str, Sequence[Address]]
) -> Mapping[str, tuple[Address, ...]]:
    """Every host's BMCs by its name in lower case: what is listed replaces what was learned."""
    known: dict[str, tuple[Address, ...]] = {}
    for host, addresses in learned.items():
        known[host.lower()] = (*known.get(host.lower(), ()), *addresses)
    return {**known, **{host.lower(): (address,) for host, address in listed.items()}}


def shared(by_host: Mapping[str, Sequence[Address]]) -> Mapping[str, str]:
    """The hosts that have a BMC in common with another, in lower case, each with the words that say so.

    A BMC answers in several ways at one address; two ports of one protocol may be two BMCs behind a router (`beside`).
    """
    found: dict[str, str] = {}
    for name, doors in _by_name(by_host).items():
        for hosts, where in _together(name, doors):
            words = f"{_few(hosts)} name the same BMC ({where}), which controls one host: it is asked for none of them"
            for host in hosts:
                found.setdefault(host, words)
    return found


def beside(by_host: Mapping[str, Sequence[Address]]) -> Sequence[str]:
    """Where hosts name one address with several ports of one protocol: BMCs behind a router, or one that two name."""
    found = []
    for name, doors in _by_name(by_host).items():
        hosts = sorted({door.owner for door in doors})
        ports = sorted({door.port for door in doors})
        if len(hosts) > 1 and len(ports) > 1 and len({door.way for door in doors}) == 1:
            found.append(
                f"{_few(hosts)} name BMCs at one address, {name}, with different ports of {doors[0].way} "
                f"({', '.join(map(str, ports[:3]))}{', ...' if len(ports) > 3 else ''}): right only where a router "
                "leads each port to a BMC of its own, for each is believed about its own host"
            )
    return found


def identity(address: Address) -> str:
    """Which BMC, or which part of one, it is: the same however it is spelled and whatever opens it; without secrets."""
    name, way, port = _server(address)
    return f"{way} {name}:{port} {_part(address)}".rstrip()


def is_same(one: str, other: str) -> bool:
    """Whether two identities may be one BMC: reached in another way, or by whoever names no part of it."""
    (way, place, part), (other_way, other_place, other_part) = _apart(one), _apart(other)
    if way == other_way and place != other_place:
        return False
    if place.rpartition(":")[0] != other_place.rpartition(":")[0]:
        return False
    speaks_alike = (way == Speaks.IPMI.value) is (other_way == Speaks.IPMI.value)
    return not speaks_alike or not part or not other_part or part == other_part


def contradicts(one: Address, other: Address) -> bool:
    """Whether these certainly are two BMCs, or two parts of one.

    A name and an address, or addresses of two families, may be one: that cannot be told here.
    """
    if is_same(identity(one), identity(other)):
        return False
    name, other_name = _server(one)[0], _server(other)[0]
    kind = _family(name)
    if kind != _family(other_name):
        return False
    # With a domain and without is one; what is equal up to here differs in the port or the part.
    return kind is not None or name == other_name or name.partition(".")[0] != other_name.partition(".")[0]


def _family(name: str) -> int | None:
    """4 or 6; None of a name."""
    try:
        return ipaddress.ip_address(name).version
    except ValueError:
        return None


def _apart(one: str) -> tuple[str, str, str]:
    way, _, rest = one.partition(" ")
    place_, _, part = rest.partition(" ")
    return way, place_, part


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """One way to a BMC at some address. `way`: ipmi, http or https; `part` as `_part` says."""

    owner: str
    speaks: Speaks
    way: str
    port: int
    part: str


def _by_name(by_host: Mapping[str, Sequence[Address]]) -> Mapping[str, Sequence[_Door]]:
    found: dict[str, list[_Door]] = {}
    for host, addresses in by_host.items():
        for address in addresses:
            name, way, port = _server(address)
            door = _Door(owner=host.lower(), speaks=address.speaks, way=way, port=port, part=_part(address))
            found.setdefault(name, []).append(door)
    return found


def _together(name: str, doors: Sequence[_Door]) -> Iterator[tuple[Sequence[str], str]]:
    """Hosts, in order, that own the same BMC at one address, and where that is."""
    ways = " and ".join(sorted({door.way for door in doors}))
    if len({door.speaks for door in doors}) > 1:
        # A blade by IPMI and a system by Redfish have no name in common.
        groups = [(f"{ways} {name}", [(door.owner, "") for door in doors])]
    elif len({door.way for door in doors}) > 1:
        groups = [(f"{ways} {name}", [(door.owner, door.part) for door in doors])]
    else:
        groups = [
            (f"{ways} {name}:{port}", [(door.owner, door.part) for door in doors if door.port == port])
            for port in sorted({door.port for door in doors})
        ]
    for where, owners in groups:
        for hosts in _in_conflict(owners):
            yield hosts, where


def _in_conflict(owners: Sequence[tuple[str, str]]) -> Iterator[Sequence[str]]:
    """Hosts, in order, that own the same part of one BMC."""
    everybody = sorted({host for host, _ in owners})
    if any(not part for _, part in owners):
        # Who names no part of it means its only one, which is whatever the others name.
        parts = [everybody]
    else:
        by_part: dict[str, set[str]] = {}
        for host, part in owners:
            by_part.setdefault(part, set()).add(host)
        parts = [sorted(hosts) for hosts in by_part.values()]
    yield from (hosts for hosts in parts if len(hosts) > 1)


def _few(hosts: Sequence[str]) -> str:
    return " and ".join(hosts[:3]) + (f" and {len(hosts) - 3} more" if len(hosts) > 3 else "")


def _server(address: Address) -> tuple[str, str, int]:
    """Where it answers, however it was written: the name or address, the way, the port."""
    host, port = place(address.host), address.port or _PORTS[address.speaks]
    way = address.speaks.value
    if "://" in host:
        scheme, _, rest = host.partition("://")
        way = "http" if scheme.lower() == "http" else "https"
        host, port = rest.partition("/")[0], 80 if way == "http" else 443
        name, colon, digits = host.rpartition(":")
        if colon and digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_PORT:
            host, port = name, int(digits)
    elif address.speaks is Speaks.REDFISH:
        way = "https" if address.tls else "http"
        if not address.port and not address.tls:
            port = 80
    host = host.strip("[]").rstrip(".").lower()
    with contextlib.suppress(ValueError):
        one = ipaddress.ip_address(host)
        host = str((one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None) or one)
    return host, way, port


def _part(address: Address) -> str:
    """The part of a BMC that controls this host: a Redfish system, a blade; empty for the whole of it."""
    return (address.system if address.speaks is Speaks.REDFISH else address.target).rstrip("/").lower()
