"""The door to libvirt, shared by the two machine monitors: kept connections, timed calls, events.

libvirt's calls block, and one that waits for a hung guest or a stopped libvirtd may block for long.
So each `Connection` has worker threads of its own (calls.py): a hung call can hold up nobody but its
own connection. One more thread runs libvirt's event loop. The binding is imported at the first use,
and its absence is a message, not a traceback.
"""

import asyncio
import contextlib
import errno
import importlib
import os
import queue
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from masakarimonitors.system.calls import Pool

T = TypeVar("T")

KEEPALIVE_INTERVAL = 5
"""Seconds between two probes of a silent libvirtd, which answers them from its event loop."""
KEEPALIVE_COUNT = 3
"""Probes without an answer after which a connection counts as lost: with the interval, 15-20 s."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SEPARATOR = re.compile(r"\s*,\s*(?=[\"']?[A-Za-z][A-Za-z0-9+.-]*:)")


class BindingMissing(Exception):
    """libvirt's Python binding cannot be imported; the message says what to do."""


class BadUri(Exception):
    """A connection URI that can never work; the message says why."""


class Unavailable(Exception):
    """libvirt did not do what was asked; the message says what was seen, what it means, what to do.

    `code` is libvirt's VIR_ERR_* number (0 when no answer came at all). `never`: asking again is of no
    use until somebody changes the configuration.
    """

    def __init__(self, message: str, *, code: int = 0, never: bool = False) -> None:
        """See the class."""
        super().__init__(message)
        self.code = code
        self.never = never


class Unanswered(Unavailable):
    """The time was up before the call returned. It still runs, and keeps its thread until it returns."""


@dataclass(frozen=True, slots=True)
class Api:
    """libvirt's modules. `main` is `libvirt`, `qemu` is `libvirt_qemu` (guest-agent commands)."""

    main: ModuleType
    qemu: ModuleType


_loading = threading.Lock()
_loaded: Api | None = None


_SOCKETS = Path("/run/libvirt")


def load() -> Api:
    """Import the binding once, and start the thread of libvirt's event loop; raises BindingMissing."""
    global _loaded
    with _loading:
        if _loaded is None:
            try:
                api = Api(importlib.import_module("libvirt"), importlib.import_module("libvirt_qemu"))
            except ImportError as error:
                raise BindingMissing(
                    f"libvirt's Python binding cannot be imported ({error}), so no machine can be watched. "
                    "Install it for this Python: the package python3-libvirt where the operating system's own "
                    "Python is used, or `pip install 'masakari-monitors[libvirt]'`, which builds it and needs "
                    "gcc, pkg-config and libvirt's development files."
                ) from error
            # Otherwise every error, expected ones too, is also printed to stderr.
            api.main.registerErrorHandler(lambda _context, _error: None, None)
            # Before the first connection is opened, or its events would never come.
            api.main.virEventRegisterDefaultImpl()
            threading.Thread(target=_run_events, args=(api.main,), name="libvirt-events", daemon=True).start()
            _loaded = api
        return _loaded


def _run_events(libvirt: ModuleType) -> None:
    while True:
        # One turn: callbacks run here, and an exception in one stays there.
        with contextlib.suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()


def uris(text: str) -> tuple[str, ...]:
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
    """Whether the URI speaks of this very host, so that its /run and /proc tell of the same machines."""
    try:
        return not urllib.parse.urlsplit(uri).hostname
    except ValueError:
        return False


def absent(addresses: Sequence[str], folder: Path = _SOCKETS) -> str:
    """Why none of these can answer on a machine where no libvirt runs, or nothing.

    Only the absence of every local socket is an answer: a remote libvirt, or one that is started by
    its socket, can only be tried.
    """
    local = [uri for uri in addresses if is_local(uri) and "?" not in uri]
    if len(local) < len(addresses) or any(folder.glob("*-sock*")):
        return ""
    return f"no libvirt runs on this machine (there is no socket in {folder})"


class Connection:
    """One kept connection to one libvirt, with worker threads of its own.

    Not connected at first, and again after `lost` is set (the close callback fires within
    milliseconds of libvirtd's death). `open` may be called again then; nothing reconnects by itself.
    """

    def __init__(self, uri: str, *, readonly: bool = True, threads: int = 1) -> None:
        """Nothing happens yet. Raises BindingMissing."""
        self.uri = uri
        self.api = load()
        self.lost = asyncio.Event()
        self.lost.set()
        self.why_lost = "not connected yet"
        self._readonly = readonly
        self._pool = Pool(f"libvirt {uri}"[:15], threads)
        self._connection: Any = None
        self._opening = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether it is open and was not seen to be lost."""
        return not self.lost.is_set()

    async def open(self, timeout: float = 10.0) -> None:
        """Connect, within `timeout` seconds; raises Unavailable. Does nothing when connected.

        Several who ask at once get one connection.
        """
        async with self._opening:
            if not self.connected:
                await self._open(timeout)

    async def _open(self, timeout: float) -> None:
        self.drop()
        loop = asyncio.get_running_loop()
        try:
            connection = await self._pool.call(self._connect, timeout, too_late=_close)
        except TimeoutError as error:
            raise Unanswered(
                f"libvirt at {self.uri} has not answered for {timeout:g} s: libvirtd hangs or is overloaded, or "
                "the way to it is cut. It is tried again; look at libvirtd's own log."
            ) from error
        except self.api.main.libvirtError as error:
            raise self._explained(error) from error
        self._connection = connection
        self.lost.clear()

        def on_close(_connection: Any, reason: int, _opaque: Any) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._lose, connection, reason)

        try:
            await self.call(lambda c: c.registerCloseCallback(on_close, None), timeout)
        except Unavailable:
            self.drop()
            raise

    async def call(self, function: Callable[[Any], T], timeout: float) -> T:
        """What `function(virConnect)` returns; raises Unavailable, Unanswered after `timeout` seconds."""
        connection = self._connection
        if connection is None or not self.connected:
            raise Unavailable(f"libvirt at {self.uri} is away ({self.why_lost})")
        loop = asyncio.get_running_loop()

        def work() -> T:
            try:
                return function(connection)
            except Exception:
                # One that broke before its close callback was registered never calls it.
                if not _alive(connection):
                    with contextlib.suppress(RuntimeError):  # the loop has ended
                        loop.call_soon_threadsafe(self._lose, connection, 0)
                raise

        try:
            return await self._pool.call(work, timeout)
        except TimeoutError as error:
            raise Unanswered(f"libvirt at {self.uri} gave no answer within {timeout:g} s") from error
        except self.api.main.libvirtError as error:
            raise self._explained(error) from error

    def close(self) -> None:
        """Let go, without waiting: a thread closes it as soon as it is free."""
        self.drop()
        self._pool.close()

    def verdict(self) -> Unavailable | None:
        """Connects, blocking, and closes again: why it does not work, or None."""
        try:
            _close(self._connect())
        except self.api.main.libvirtError as error:
            return self._explained(error)
        return None

    def _connect(self) -> Any:
        libvirt = self.api.main
        # Nobody can be asked: names and passwords come from libvirt's own files (auth.conf) only.
        credentials = [
            [libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_PASSPHRASE],
            lambda _credentials, _opaque: -1,
            None,
        ]
        connection = libvirt.openAuth(self.uri, credentials, libvirt.VIR_CONNECT_RO if self._readonly else 0)
        # A driver inside this process (test:///default) has no libvirtd to be probed.
        with contextlib.suppress(libvirt.libvirtError):
            connection.setKeepAlive(KEEPALIVE_INTERVAL, KEEPALIVE_COUNT)
        return connection

    def _lose(self, connection: Any, reason: int) -> None:
        if connection is self._connection:
            said = {
                0: "I/O error",
                1: "closed by libvirtd",
                2: "no answer to keepalive probes",
                3: "closed by us",
            }
            self.why_lost = f"the connection broke: {said.get(reason, reason)}"
            self.lost.set()

    def drop(self) -> None:
        """Let go of the present connection, without waiting; `open` makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self.why_lost = "closed by us"
            self._pool.submit(lambda: _close(connection))
        self.lost.set()

    def _explained(self, error: Any) -> Unavailable:
        libvirt = self.api.main
        code, text = error.get_error_code() or 0, str(error)
        refusals = (
            libvirt.VIR_ERR_AUTH_FAILED,
            libvirt.VIR_ERR_AUTH_UNAVAILABLE,
            libvirt.VIR_ERR_AUTH_CANCELLED,
        )
        if code in refusals or (code == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() == errno.EACCES):
            return Unavailable(
                f"libvirt at {self.uri} refuses uid {os.geteuid()} ({text}). Run this monitor as a user who may: "
                "a member of the socket's group (usually libvirt), or root; for SASL and TLS set up libvirt's "
                "own auth.conf and certificates. It is tried again.",
                code=code,
            )
        unusable = (libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_XML_ERROR)
        if code in unusable or (code == libvirt.VIR_ERR_INTERNAL_ERROR and "URI" in text):
            return Unavailable(
                f"libvirt cannot make anything of the URI {self.uri} ({text}). Correct [libvirt] connection_uri; "
                "qemu:///system is this host's QEMU/KVM.",
                code=code,
                never=True,
            )
        return Unavailable(f"libvirt at {self.uri}: {text}", code=code)


def _alive(connection: Any) -> bool:
    """Whether its socket is open, as far as this side knows; asks nobody."""
    try:
        return bool(connection.isAlive() != 0)
    except Exception:  # noqa: BLE001 - of a broken connection even this fails, each in its own way
        return False


def _close(connection: Any) -> None:
    # Of a broken connection even these fail, each in its own way; it is gone all the same.
    with contextlib.suppress(Exception):
        connection.unregisterCloseCallback()
    with contextlib.suppress(Exception):
        connection.close()


def check(addresses: Sequence[str], timeout: float = 3.0) -> None:
    """At start: raises BadUri for a URI of which libvirt itself says that it can never work.

    Blocks for at most `timeout` seconds. Whatever else goes wrong (libvirtd away, no permission, no
    answer) is a matter of trying again later.
    """
    connections = [Connection(uri) for uri in addresses]
    found: queue.SimpleQueue[Unavailable | None] = queue.SimpleQueue()
    for connection in connections:
        threading.Thread(target=lambda c: found.put(c.verdict()), args=(connection,), daemon=True).start()
    end = time.monotonic() + timeout
    for _ in connections:
        try:
            fault = found.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return
        if fault is not None and fault.never:
            raise BadUri(str(fault)) from fault
