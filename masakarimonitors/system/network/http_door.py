"""Who may ask an HTTP server of ours, which asks nobody for a password. Pure.

In: what a request says of where it was sent, and of the page that sends it. Out: nothing, or a refusal with its reason.
A browser sends whatever any web page wants to any address, and a page may give its own name our address (DNS
rebinding). So a request must be meant for this host, by a name in a closed list, and not come from a page of another
site.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

_AUTHORITY = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)(?::\d*)?")

_OWN_SITES = frozenset({"", "same-origin", "none"})
"""Sec-Fetch-Site of whoever is no browser or an old one, of a page of ours, and of an address that was typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request's head says; `at` is the own address at which its connection has arrived."""

    method: str
    at: str
    hosts: Sequence[str]
    old: bool = False
    origins: Sequence[str] = ()
    site: str = ""
    mode: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status, and a sentence on why."""

    status: int
    why: str


def names_of(names: Iterable[str]) -> frozenset[str]:
    """Names and addresses as they are compared: without port, brackets, a dot at the end, or capital letters."""
    return frozenset(filter(None, (_name(one) for one in names)))


def refusal(asked: Asked, names: Collection[str], option: str) -> Refusal | None:
    """Why a request that came over TCP is not answered; `names` as by `names_of`, `option` is where they are set."""
    return _wrong_host(asked, names, option) or _wrong_page(asked)


def _wrong_host(asked: Asked, names: Collection[str], option: str) -> Refusal | None:
    if not asked.hosts and asked.old:
        return None  # HTTP/1.0, of a load balancer's health check: no browser speaks it
    if len(asked.hosts) != 1:
        return Refusal(400, f"The request has {len(asked.hosts)} Host headers; exactly one is expected.")
    name = _name(asked.hosts[0])
    if not name:
        return Refusal(400, "The Host header is no name or address with or without a port.")
    if name in names or name == "localhost" or _is_own(name, asked.at):
        return None
    return Refusal(
        421,
        f"This server is not known by the name {name}. It answers to localhost, to the address at which it is asked, "
        f"and to the names in {option}: ask by one of these, or add the name there.",
    )


def _wrong_page(asked: Asked) -> Refusal | None:
    # Browsers write the port, or leave it out, in both in the same way.
    own = {f"{scheme}://{host}".lower() for host in asked.hosts for scheme in ("http", "https")}
    if any(origin.lower() not in own for origin in asked.origins):
        return Refusal(
            403, "The request comes from a page of another site, and only pages of this one may ask."
        )
    # Somebody who follows a link from elsewhere sees the page; the page with the link sees nothing of it.
    followed = asked.method in ("GET", "HEAD") and (asked.mode, asked.destination) == ("navigate", "document")
    if asked.site not in _OWN_SITES and not followed:
        return Refusal(
            403, "The request comes from a page of another site, and only pages of this one may ask."
        )
    return None


def _name(authority: str) -> str:
    parts = _AUTHORITY.fullmatch(authority.strip())
    # An IPv6 address as it stands in a list of names has no brackets.
    name = parts["name"] if parts else authority if _address(authority) else ""
    name = name.strip("[]").lower().removesuffix(".")
    address = _address(name)
    return str(address) if address else name


def _is_own(name: str, at: str) -> bool:
    """A loopback address, or the very one that was reached; another address may be another host's."""
    address = _address(name)
    return address is not None and (address.is_loopback or address == _address(at))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
