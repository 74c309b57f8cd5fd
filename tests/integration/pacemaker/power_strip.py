"""The rig's fencing hardware: a power strip on a unix socket.

The rig's fence agent, which pacemaker runs inside a host, connects and names a host; the strip
switches it off and answers, or answers late, or never obeys, as the test asked.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fenced:
    """One order that the strip carried out: which host, and when it was off (time.monotonic seconds)."""

    host: str
    at: float


class PowerStrip:
    """Listens on `path`; `switch_off(host)` is called for each order that is obeyed."""

    def __init__(self, path: Path, switch_off: Callable[[str], None]) -> None:
        self.path = path
        self._switch_off = switch_off
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(16)
        self._obey = threading.Event()
        self._obey.set()
        self._quiet = threading.Condition()
        self._serving = 0
        self.broken = False
        self.orders: list[str] = []
        self.fenced: list[Fenced] = []
        threading.Thread(target=self._accept, name="power-strip", daemon=True).start()

    def reset(self) -> None:
        """Obey every order at once, those that were held first, and forget the past."""
        self.broken = False
        self._obey.set()
        # A held order that came to its end later would hit a host that has just booted.
        with self._quiet:
            self._quiet.wait_for(lambda: self._serving == 0, timeout=10)
        self.forget()

    def forget(self) -> None:
        """Nothing was ordered and nobody fenced so far."""
        self.orders.clear()
        self.fenced.clear()

    def hold(self) -> None:
        """Slow fencing: take orders, and carry them out only after `release`."""
        self._obey.clear()

    def release(self) -> None:
        """Carry out what was held, and everything from now on."""
        self._obey.set()

    def close(self) -> None:
        """Pull the strip's own plug."""
        self._obey.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                order, _ = self._socket.accept()
            except OSError:
                return
            with self._quiet:
                self._serving += 1
            threading.Thread(target=self._serve_one, args=(order,), daemon=True).start()

    def _serve_one(self, order: socket.socket) -> None:
        try:
            self._serve(order)
        finally:
            with self._quiet:
                self._serving -= 1
                self._quiet.notify_all()

    def _serve(self, order: socket.socket) -> None:
        with order, contextlib.suppress(OSError):
            order.settimeout(5)
            _, host = order.makefile().readline().split()
            self.orders.append(host)
            if not self.broken:
                self._obey.wait()
            if self.broken:
                time.sleep(1)  # a BMC that does not answer takes its time; pacemaker tries again at once
                order.sendall(b"failed\n")
                return
            self._switch_off(host)
            self.fenced.append(Fenced(host, time.monotonic()))
            order.sendall(b"off\n")
