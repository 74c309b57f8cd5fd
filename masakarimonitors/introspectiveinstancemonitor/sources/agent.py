"""One question to one guest agent, on a worker thread: an answer, a silence, or a question never put.

The difference between the last two is what keeps a guest from being accused: only a guest that was
asked and said nothing was silent.
"""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from masakarimonitors.libvirt.binding import load
from masakarimonitors.libvirt.domain_state import ControlState
from masakarimonitors.libvirt.faults import is_about_the_connection

# VIR_ERR_* of libvirt: numbers, so that the binding stays a lazy import.
_NO_DOMAIN = 42
_INTERNAL = 1
_UNRESPONSIVE = 86
# Newer than many bindings, and so not always named there; 111 is "no network metadata".
_COMMAND_TIMEOUT = 112
_COMMAND_FAILED = 113
_LIBVIRT_WAITS = 5.0
"""Seconds that libvirt waits for a hung agent to synchronise, whatever it is told."""


Asking = Callable[[Any, str, int, str, int], str]
"""How a guest agent is asked: see `ask`."""


class Silent(Exception):
    """The question was put to the guest, and nothing came back; the message is libvirt's."""


class NotAsked(Exception):
    """The question did not reach the guest; the message says why."""


class Refused(Exception):
    """The agent answered with an error: it lives, but does not do this; the message is the agent's."""


def ask(handle: Any, uuid: str, domain_id: int, request: str, seconds: int) -> str:
    """The agent's answer to `request` (JSON) in domain `uuid`, in its life `domain_id` (libvirt's id of it).

    `handle` is a virConnect. Raises `Silent`, `NotAsked`, `Refused`, and libvirt's own error when the
    connection itself broke.
    """
    api = load()
    libvirt = api.main
    try:
        domain = handle.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() == _NO_DOMAIN:
            raise NotAsked("the domain is gone") from error
        raise
    if domain.ID() != domain_id:
        raise NotAsked("the guest stopped or was started anew")
    started = time.monotonic()
    try:
        return str(api.qemu.qemuAgentCommand(domain, request, seconds, 0))
    except libvirt.libvirtError as error:
        if is_about_the_connection(error, libvirt):
            raise
        waited = time.monotonic() - started
        code, words = error.get_error_code(), str(error)
        meaning = meaning_of(code, words, request, waited=waited, seconds=seconds)
        if meaning is Silent:
            own = _own_time(domain, libvirt.libvirtError)
            meaning = meaning_of(code, words, request, waited=waited - own, seconds=seconds)
            if meaning is NotAsked:
                words = f"libvirtd itself takes {own:.1f} s for any question now ({words})"
        if meaning is not NotAsked:
            raise meaning(words) from error
        if code == _UNRESPONSIVE and (mute := _mute(domain, libvirt.libvirtError)) >= seconds:
            raise Silent(f"{words}; QEMU has not answered libvirtd itself for {mute:.0f} s") from error
        raise NotAsked(words) from error


def meaning_of(
    code: int, words: str, request: str, *, waited: float, seconds: int
) -> type[Silent | NotAsked | Refused]:
    """What libvirt's error `code` with `words` means, `waited` seconds after `request`, which was given `seconds`.

    libvirt has one code for "no answer" and for "the channel is closed", and its words are translated. Only the
    time tells them apart: a closed channel is refused, or breaks off, before the time is up. An older libvirt has no
    code for an agent that refuses; but every one names the agent's command in its words where the agent has answered.
    """
    if code in (_UNRESPONSIVE, _COMMAND_TIMEOUT):
        return Silent if waited >= certain(seconds) else NotAsked
    if code in (_INTERNAL, _COMMAND_FAILED) and f"'{json.loads(request)['execute']}'" in words:
        return Refused
    return NotAsked


def certain(seconds: float) -> float:
    """Seconds after which no answer to a question that was given so many is silence, and not a refusal."""
    return 0.9 * min(float(seconds), _LIBVIRT_WAITS)


def _own_time(domain: Any, failure: type[Exception]) -> float:
    """Seconds that libvirtd takes now for a question that no guest is asked for, and that waits for the same workers.

    One that has just started refuses questions to agents that it has not reached yet, and is slow about it: so late a
    refusal would pass for a silence.
    """
    began = time.monotonic()
    with contextlib.suppress(failure):
        domain.info()
    return time.monotonic() - began


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
    return float(milliseconds) / 1000 if control == ControlState.OCCUPIED else 0.0
