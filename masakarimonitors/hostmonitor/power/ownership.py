"""Which BMC is whose. Pure: names and addresses in, what belongs together out.

One BMC controls one host (or one blade, one system of several). A BMC that two hosts name is a mistake of a
configuration that was copied, and its "off" would prove the wrong host dead.
"""

import contextlib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence

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
    """The hosts that have a BMC in common with another, in lower case, each with the words that say so."""
    by_server: dict[tuple[str, int, Speaks], list[tuple[str, str]]] = {}
    for host, addresses in by_host.items():
        for address in addresses:
            by_server.setdefault(_server(address), []).append((host.lower(), _part(address)))
    found: dict[str, str] = {}
    for server, owners in by_server.items():
        for hosts in _in_conflict(owners):
            words = (
                f"{_few(hosts)} name the same BMC ({server[2].value} {server[0]}:{server[1]}), which controls one "
                "host: it is asked for none of them"
            )
            for host in hosts:
                found.setdefault(host, words)
    return found


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


def _server(address: Address) -> tuple[str, int, Speaks]:
    """Where it answers, however it was written."""
    host, port = place(address.host), address.port or _PORTS[address.speaks]
    if "://" in host:
        scheme, _, rest = host.partition("://")
        host, port = rest.partition("/")[0], 80 if scheme.lower() == "http" else 443
        name, colon, digits = host.rpartition(":")
        if colon and digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_PORT:
            host, port = name, int(digits)
    elif address.speaks is Speaks.REDFISH and not address.port and not address.tls:
        port = 80
    host = host.strip("[]").rstrip(".").lower()
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return host, port, address.speaks


def _part(address: Address) -> str:
    """The part of a BMC that controls this host: a Redfish system, a blade; empty for the whole of it."""
    return (address.system if address.speaks is Speaks.REDFISH else address.target).rstrip("/").lower()
