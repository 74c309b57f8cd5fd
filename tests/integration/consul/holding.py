"""A way to one agent on which some questions wait, as behind a server that hangs: a unix socket before its own."""

import contextlib
import http.client
import http.server
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.consul.cluster import UnixConnection


@dataclass
class Holding:
    """`path` is where a monitor asks; questions below `held` (paths) wait until it is emptied, or for good."""

    path: Path
    held: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    _released: threading.Event = field(default_factory=threading.Event)

    def hold(self, *paths: str) -> None:
        """From now on these wait."""
        self._released.clear()
        self.held = paths

    def release(self) -> None:
        """Let everything pass."""
        self.held = ()
        self._released.set()

    def pass_on(self, path: str) -> None:
        """Return when the question may pass."""
        self.asked.append(path)
        while path.startswith(self.held or ("-",)):
            self._released.wait()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def holding(agent: str, path: Path) -> Iterator[Holding]:
    """Listen on `path` and pass everything on to the agent's socket `agent`, while the block lasts."""
    way = Holding(path)

    class Request(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            way.pass_on(self.path)
            link = UnixConnection(agent, timeout=120)
            try:
                link.request("GET", self.path)
                answer = link.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                # The agent has gone: so do we.
                self.close_connection = True
                return
            finally:
                link.close()
            with contextlib.suppress(BrokenPipeError):
                self.send_response(answer.status)
                for name in ("X-Consul-Index", "Content-Type"):
                    if value := answer.headers.get(name):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def address_string(self) -> str:
            return "a monitor"

        def log_message(self, *_: object) -> None:
            pass

    with _Server(str(path), Request) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield way
        finally:
            way.release()
            server.shutdown()
            thread.join(20)
