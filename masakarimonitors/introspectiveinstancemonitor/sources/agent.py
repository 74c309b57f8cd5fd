"""One question to one guest agent, on a worker thread: an answer, a silence, or a question never put.

The difference between the last two is what keeps a guest from being accused: only a guest that was
asked and said nothing was silent.
"""

import time
from typing import Any

from masakarimonitors.system.libvirt import load

# VIR_ERR_* of libvirt: numbers, so that the binding stays a lazy import.
_NO_DOMAIN = 42
_UNRESPONSIVE = 86
_COMMAND_TIMEOUT = 111
_COMMAND_FAILED = 112
_OCCUPIED = 2  # VIR_DOMAIN_CONTROL_OCCUPIED
_LIBVIRT_WAITS = 5.0
"""Seconds that libvirt waits for a hung agent to synchronise, whatever it is told."""


class Silent(Exception):
    """The question was put to the guest, and nothing came back; the message is libvirt's."""


class NotAsked(Exception):
    """The question did not reach the guest; the message says why."""


class Refused(Exception):
    """The agent answered with an error: it lives, but does not do this; the message is the agent's."""


def ask(handle: Any, uuid: str, number: int, request: str, seconds: int) -> str:
    """The agent's answer to `request` (JSON) in machine `uuid`, in its life `number` (libvirt's domain id).

    `handle` is a virConnect. Raises `Silent`, `NotAsked`, `Refused`, and libvirt's own error when the
    connection itself broke.
    """
    api = load()
    libvirt = api.main
    try:
        domain = handle.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() == _NO_DOMAIN:
            raise NotAsked("the machine is gone") from error
        raise
    if domain.ID() != number:
        raise NotAsked("the machine stopped or was started anew")
    started = time.monotonic()
    try:
        return str(api.qemu.qemuAgentCommand(domain, request, seconds, 0))
    except libvirt.libvirtError as error:
        waited = time.monotonic() - started
        code, words = error.get_error_code(), str(error)
        # libvirt has one code for "no answer" and for "the channel is closed", and its words are translated.
        # Only the time tells them apart: a closed channel is refused, or breaks off, before the time is up.
        if code == _COMMAND_TIMEOUT:
            raise Silent(words) from error
        if code == _UNRESPONSIVE and waited >= 0.9 * min(float(seconds), _LIBVIRT_WAITS):
            raise Silent(words) from error
        if code == _COMMAND_FAILED:
            raise Refused(words) from error
        if code == _UNRESPONSIVE and (mute := _mute(domain, libvirt.libvirtError)) >= seconds:
            raise Silent(f"{words}; QEMU has not answered libvirtd itself for {mute:.0f} s") from error
        raise NotAsked(words) from error


def _mute(domain: Any, failure: type[Exception]) -> float:
    """Seconds that libvirtd has been waiting for QEMU's monitor, 0 when it does not.

    After a restart libvirtd connects to each QEMU anew. To one that stands still it never gets through: then
    it refuses every question to that guest's agent as "not connected", though the guest was never asked and
    never closed its channel.
    """
    try:
        control, _details, milliseconds = domain.controlInfo()
    except failure:
        return 0.0
    return float(milliseconds) / 1000 if control == _OCCUPIED else 0.0
