"""libvirt's Python binding, imported at the first use, and the thread that runs libvirt's event loop.

In: nothing. Out: its modules as one `Api`, or `BindingMissing` with words for an operator. Everything
else of this project gets to libvirt by what is returned here.
"""

import contextlib
import importlib
import threading
from dataclasses import dataclass
from typing import Any


class BindingMissing(Exception):
    """libvirt's Python binding cannot be imported; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Api:
    """libvirt's modules. `main` is `libvirt`, `qemu` is `libvirt_qemu` (guest-agent commands)."""

    main: Any
    qemu: Any


_loading = threading.Lock()
_loaded: Api | None = None


def load() -> Api:
    """Import the binding once, and start the thread of libvirt's event loop; raises BindingMissing."""
    global _loaded
    with _loading:
        if _loaded is None:
            try:
                api = Api(importlib.import_module("libvirt"), importlib.import_module("libvirt_qemu"))
            except ImportError as error:
                raise BindingMissing(
                    f"libvirt's Python binding cannot be imported ({error}), so no instance can be watched. "
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


def _run_events(libvirt: Any) -> None:
    while True:
        # One turn: callbacks run here, and an exception in one stays there.
        with contextlib.suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()


def connect(api: Api, uri: str, *, readonly: bool) -> Any:
    """A virConnect, on a thread that may block for as long as the other end is silent; raises libvirtError."""
    libvirt = api.main
    # Nobody can be asked: names and passwords come from libvirt's own files (auth.conf) only.
    credentials = [
        [libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_PASSPHRASE],
        lambda _credentials, _opaque: -1,
        None,
    ]
    return libvirt.openAuth(uri, credentials, libvirt.VIR_CONNECT_RO if readonly else 0)


def close(connection: Any) -> None:
    """Let go of a virConnect, on a thread that may block."""
    # Of a broken connection even these fail, each in its own way; it is gone all the same.
    with contextlib.suppress(Exception):
        connection.unregisterCloseCallback()
    with contextlib.suppress(Exception):
        connection.close()
