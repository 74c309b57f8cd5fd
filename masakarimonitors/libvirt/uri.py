"""Connection URIs: from what an operator writes to the libvirts that are meant, and where they are.

Text comes in, URIs go out in the operator's order, or `BadUri`. Nothing is connected to.
"""

import re
import socket
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SEPARATOR = re.compile(r"\s*,\s*(?=[\"']?[A-Za-z][A-Za-z0-9+.-]*:)")
_SOCKETS = Path("/run/libvirt")


class BadUri(Exception):
    """A connection URI that can never work; the message says why."""


def parse_uris(text: str) -> tuple[str, ...]:
    """The connection URIs of an option's value, in order, without repetition.

    Several are separated by commas (a comma inside one URI is kept: only one that a scheme follows
    separates). Each may stand in quotation marks, as some deployments write them. Raises BadUri.
    """
    found: list[str] = []
    for part in _SEPARATOR.split(_unquoted(text)):
        uri = _unquoted(part)
        if not _URI.match(uri):
            raise BadUri(
                f"{uri or text!r} is no connection URI: it begins with a driver's name and a colon, as in "
                "qemu:///system (this host) or qemu+tcp://host/system. Separate several with commas."
            )
        if uri not in found:
            found.append(uri)
    return tuple(found)


def _unquoted(text: str) -> str:
    text = text.strip()
    while len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def is_local(uri: str) -> bool:
    """Whether the URI speaks of this very host, so that its /run and /proc tell of the same domains."""
    try:
        return not urllib.parse.urlsplit(uri).hostname
    except ValueError:
        return False


def own_names(hostname: str) -> frozenset[str]:
    """What this host is called in a URI: `hostname`, its name by the kernel, and the loopback; asks no name service."""
    return frozenset({hostname.lower(), socket.gethostname().lower(), "localhost", "127.0.0.1", "::1"})


def is_of_this_qemu(uri: str, own_names: frozenset[str]) -> bool:
    """Whether the domains at `uri` are those of this host's QEMU driver, of which libvirt's folders here tell.

    They do for a URI without a host, and for one that names this host (`own_names`): deployments with containers speak
    to their own libvirt by TLS.
    """
    try:
        parts = urllib.parse.urlsplit(uri)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    is_qemu = parts.scheme.partition("+")[0] == "qemu" and parts.path == "/system"
    return is_qemu and (not host or host in own_names)


def absent(addresses: Sequence[str], folder: Path = _SOCKETS) -> str:
    """Why none of these can answer on a host where no libvirt runs, or nothing.

    Only the absence of every local socket is an answer: a remote libvirt, one that is started by its socket, a user's
    own (`/session`) and a driver that needs none (`test:///default`) can only be tried.
    """
    local = [uri for uri in addresses if is_local(uri) and "?" not in uri and uri.endswith(":///system")]
    if len(local) < len(addresses) or any(folder.glob("*-sock*")):
        return ""
    return f"no libvirt runs on this host (there is no socket in {folder})"
