"""What can go wrong with a libvirt: whose fault an error is, and the words that an operator needs about it.

An error of the binding is looked at; no libvirt is asked. The difference that matters is between an
answer about one domain, however unwelcome, after which libvirt is as well as before, and everything else.
"""

import errno
import os
from typing import Any


class Unavailable(Exception):
    """libvirt did not do what was asked; the message says what was seen, what it means, what to do.

    `code` is libvirt's VIR_ERR_* number (0 when no answer came at all). `never`: asking again is of no
    use until somebody changes the configuration. `refused`: this process lacks the right to it.
    """

    def __init__(self, message: str, *, code: int = 0, never: bool = False, refused: bool = False) -> None:
        """See the class."""
        super().__init__(message)
        self.code = code
        self.never = never
        self.refused = refused


class Unanswered(Unavailable):
    """The time was up before the call returned. It still runs, and keeps its thread until it returns."""


def is_about_the_connection(error: Any, libvirt: Any) -> bool:
    """Whether a libvirtError says that libvirt itself cannot be asked, rather than something of one domain.

    What the client's side of the protocol raises (the socket broke, a reply makes no sense) comes from
    libvirt's part "RPC", with many codes, VIR_ERR_INTERNAL_ERROR among them.
    """
    broken = (libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INVALID_CONN)
    return error.get_error_domain() == libvirt.VIR_FROM_RPC or error.get_error_code() in broken


def explained(error: Any, uri: str, libvirt: Any) -> Unavailable:
    """The words for a libvirtError that came from the libvirt at `uri`; `libvirt` is the binding's module."""
    code, text = error.get_error_code() or 0, str(error)
    refusals = (
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
        libvirt.VIR_ERR_AUTH_CANCELLED,
    )
    if code in refusals or (code == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() == errno.EACCES):
        return Unavailable(
            f"libvirt at {uri} refuses uid {os.geteuid()} ({text}). Run this monitor as a user who may: "
            "a member of the socket's group (usually libvirt), or root; for SASL and TLS set up libvirt's "
            "own auth.conf and certificates. It is tried again.",
            code=code,
            refused=True,
        )
    unusable = (libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_XML_ERROR)
    if code in unusable or (code == libvirt.VIR_ERR_INTERNAL_ERROR and "URI" in text):
        return Unavailable(
            f"libvirt cannot make anything of the URI {uri} ({text}). Correct [libvirt] connection_uri; "
            "qemu:///system is this host's QEMU/KVM.",
            code=code,
            never=True,
        )
    return Unavailable(f"libvirt at {uri}: {text}", code=code)
