"""A connection to the Kubernetes API server: a few calls, a time-out on each, one kind of fault.

In: credentials. Out: objects as JSON, or an `ApiFault`. Lists come in pages, so that a large cluster
is never in memory as a whole; a watch is told line by line. What expires (tokens in files, those of exec
plugins) is looked at again at each request; all else is read when the connection is opened.
"""

import base64
import contextlib
import os
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from masakarimonitors.core.outside import read_json
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.exec_plugin import (
    PluginFault,
    Printed,
    run_plugin,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.kubeconfig import (
    Access,
    AccessFault,
    Credentials,
    find_access,
)
from masakarimonitors.system.clock import Clock, SystemClock
from masakarimonitors.system.files.operators_file import Unreadable, read_aside, read_text
from masakarimonitors.version import VERSION

__all__ = ["Api", "ApiFault", "Credentials"]

NODE_LEASES = "kube-node-lease"
"""The namespace in which each kubelet renews a Lease of its Node's name, every 10 s by default."""

REFUSALS = frozenset({403, 404, 405, 406, 501})
"""What an API server, or a proxy before it, says to somebody who may not do this one thing. A 401 is all or nothing."""

_GONE = 410
_NODES_A_PAGE = 25
"""A Node is 10 to 20 kB of JSON, ten times as much in memory while it is read; a page bounds that."""
_LEASES_A_PAGE = 500
_LONGEST_LINE = 8 << 20
"""Bytes of one watch event; etcd takes no object above 1.5 MB."""
_LARGEST_ANSWER = 64 << 20
"""Bytes of one answer, unpacked: a page of Nodes that are each as large as etcd takes one."""
_MOST_PAGES = 10_000
"""Of one list: a quarter of a million Nodes."""
_CONNECT = 5.0


class ApiFault(Exception):
    """The API server did not give a usable answer; `status` is its HTTP status, 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Keep the status beside the words."""
        super().__init__(message)
        self.status = status

    @property
    def gone(self) -> bool:
        """The version to watch or to page on from is too old: list again."""
        return self.status == _GONE


Params = Mapping[str, str | int]

_READ_WITHIN = 10.0
"""Seconds for the files with the credentials."""


class Api:
    """One connection, with credentials read anew each time that it is opened."""

    def __init__(self, credentials: Credentials, clock: Clock | None = None) -> None:
        """Nothing is opened before the block is entered."""
        self._credentials = credentials
        self._clock = clock or SystemClock()
        self._access = Access(server="")
        self._tls: ssl.SSLContext | bool = True
        self._printed: Printed | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Read the credentials, beside the loop: their disk may hang, and all else must go on; raises ApiFault."""

        def read() -> tuple[Access, ssl.SSLContext | bool]:
            access = find_access(self._credentials, os.environ)
            return access, _tls(access, access.certificate, access.key)

        named = self._credentials.kubeconfig or "kubeconfig"
        try:
            self._access, self._tls = await read_aside(named, read, _READ_WITHIN)
        except Unreadable as fault:
            raise ApiFault(f"no usable credentials: what they stand in {fault}") from fault
        except (AccessFault, ssl.SSLError, OSError, ValueError) as fault:
            raise ApiFault(f"no usable credentials: {fault}") from fault
        self._session = aiohttp.ClientSession(
            headers={"Accept": "application/json", "User-Agent": f"masakari-monitors/{VERSION}"},
            auto_decompress=True,
            read_bufsize=1 << 18,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def list_nodes(
        self, selector: str, timeout: float
    ) -> AsyncIterator[tuple[str, list[Mapping[str, Any]]]]:
        """(version, Nodes) page after page, from the store itself and not from a cache; raises ApiFault.

        `timeout`: seconds for each page. All pages show one moment, that of the version.
        """
        params = {"labelSelector": selector} if selector else {}
        async for page in self._pages("/api/v1/nodes", params, _NODES_A_PAGE, timeout):
            yield _version(page), _items(page)

    async def find_node(
        self, timeout: float, *, field: str = "", label: str = ""
    ) -> Mapping[str, Any] | None:
        """The one Node that a selector names, from the store itself; None for none or several; raises ApiFault.

        A list, because every account of this driver may list.
        """
        params: dict[str, str | int] = {"limit": 2}
        params |= {"fieldSelector": field} if field else {"labelSelector": label}
        items = _items(await self._json("GET", "/api/v1/nodes", timeout, params))
        return items[0] if len(items) == 1 else None

    async def watch_nodes(
        self, selector: str, version: str, seconds: int
    ) -> AsyncIterator[tuple[str, str, Mapping[str, Any]]]:
        """(type, version, object) of each change after `version`, bookmarks too; raises ApiFault.

        The server ends the stream after `seconds`; one that is dead without a word is given up a little later.
        """
        params: dict[str, str | int] = {"watch": "true", "allowWatchBookmarks": "true"}
        params |= {"resourceVersion": version, "timeoutSeconds": seconds}
        if selector:
            params["labelSelector"] = selector
        limits = aiohttp.ClientTimeout(total=seconds + 15.0, sock_connect=_CONNECT)
        async with self._ask("GET", "/api/v1/nodes", limits, params) as response:
            _notice_a_dead_peer(response)
            async for line in _lines(response):
                event = read_json(line)
                kind, item = str(event.get("type")), _mapping(event.get("object"))
                if kind == "ERROR":
                    raise ApiFault(str(item.get("message") or item)[:300], int(item.get("code") or 0))
                yield kind, _version(item), item

    async def list_node_leases(self, timeout: float, node: str = "") -> Mapping[str, Mapping[str, Any]]:
        """The spec of each kubelet's Lease by the Node's name, or of one Node's; raises ApiFault."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{NODE_LEASES}/leases"
        params = {"fieldSelector": f"metadata.name={node}"} if node else {}
        found: dict[str, Mapping[str, Any]] = {}
        async for page in self._pages(path, params, _LEASES_A_PAGE, timeout):
            for item in _items(page):
                found[str(_mapping(item.get("metadata")).get("name"))] = _mapping(item.get("spec"))
        return found

    async def list_leases(
        self, namespace: str, label: str, timeout: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Each Lease of the namespace that bears the label; `timeout`: seconds for each page. Raises ApiFault."""
        params = {"labelSelector": label}
        async for page in self._pages(_leases(namespace), params, _LEASES_A_PAGE, timeout):
            for item in _items(page):
                yield item

    async def read_lease(self, namespace: str, name: str, timeout: float) -> Mapping[str, Any] | None:
        """The Lease, None where there is none; raises ApiFault."""
        try:
            return await self._json("GET", f"{_leases(namespace)}/{name}", timeout)
        except ApiFault as fault:
            if fault.status == 404:
                return None
            raise

    async def write_lease(
        self, namespace: str, body: Mapping[str, Any], timeout: float, *, trial: bool = False
    ) -> Mapping[str, Any]:
        """Create it, or replace the version that it names; a lost race is an ApiFault with status 409.

        `trial`: the server does all but store it.
        """
        params = {"dryRun": "All"} if trial else {}
        if "resourceVersion" in body["metadata"]:
            path = f"{_leases(namespace)}/{body['metadata']['name']}"
            return await self._json("PUT", path, timeout, params, body)
        return await self._json("POST", _leases(namespace), timeout, params, body)

    async def _pages(
        self, path: str, params: Params, limit: int, timeout: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        following = ""
        for _ in range(_MOST_PAGES):
            more: Params = {"continue": following} if following else {}
            page = await self._json("GET", path, timeout, {**params, "limit": limit, **more})
            yield page
            following = str(_mapping(page.get("metadata")).get("continue") or "")
            if not following:
                return
        raise ApiFault(f"{self._access.server} lists {path} without end")

    async def _json(
        self, method: str, path: str, timeout: float, params: Params | None = None, body: Any = None
    ) -> Mapping[str, Any]:
        limits = aiohttp.ClientTimeout(total=timeout)
        async with self._ask(method, path, limits, params or {}, body) as response:
            answer = read_json(await _body(response))
            if not isinstance(answer, dict):
                raise ApiFault(f"{self._access.server} answers what no API server says")
            return answer

    @contextlib.asynccontextmanager
    async def _ask(
        self, method: str, path: str, limits: aiohttp.ClientTimeout, params: Params, body: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; every fault on its way, and every one while its answer is read, is an ApiFault."""
        assert self._session is not None
        try:
            async with self._session.request(
                method,
                self._access.server + path,
                params=params,
                json=body,
                headers=await self._authorize(),
                ssl=self._tls,
                server_hostname=self._access.server_name,
                proxy=self._access.proxy or _proxy(self._access.server),
                timeout=limits,
                allow_redirects=False,
            ) as response:
                await self._refuse(response)
                yield response
        except TimeoutError as fault:
            raise ApiFault("no answer in time") from fault
        except (aiohttp.ClientError, OSError, ValueError, TypeError, AttributeError) as fault:
            words = " ".join(str(fault).split())[:300] or type(fault).__name__
            raise ApiFault(words) from fault

    async def _authorize(self) -> dict[str, str]:
        access, headers = self._access, {}
        token = access.token
        try:
            if (path := access.token_file) is not None:
                token = (await read_aside(path, lambda: read_text(path))).strip()
            elif access.plugin is not None and token is None:
                token = await self._ask_plugin()
        except Unreadable as fault:
            raise ApiFault(f"no usable credentials: {path} {fault}") from fault
        except (PluginFault, OSError, ssl.SSLError) as fault:
            raise ApiFault(f"no usable credentials: {fault}") from fault
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif access.user is not None:
            login = f"{access.user}:{access.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        if access.impersonate is not None:
            headers["Impersonate-User"] = access.impersonate
        return headers

    async def _ask_plugin(self) -> str | None:
        assert self._access.plugin is not None
        if self._printed is None or not self._printed.fresh(self._clock.now().wall):
            self._printed = await run_plugin(self._access.plugin, self._access)
            if self._printed.certificate is not None:
                self._tls = _tls(self._access, self._printed.certificate, self._printed.key)
        return self._printed.token

    async def _refuse(self, response: aiohttp.ClientResponse) -> None:
        if response.status < 300:
            return
        if response.status == 401:
            self._printed = None  # the plugin is asked again
        text = (await response.content.read(4096)).decode("utf-8", "replace")
        with contextlib.suppress(ValueError, AttributeError):
            text = str(read_json(text).get("message") or text)
        raise ApiFault(f"{response.status} {' '.join(text.split())[:500]}", response.status)


def _leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def _mapping(value: object) -> Mapping[str, Any]:
    """A part of an object; empty where it is missing or odd."""
    return value if isinstance(value, dict) else {}


def _version(item: Mapping[str, Any]) -> str:
    return str(_mapping(item.get("metadata")).get("resourceVersion") or "")


def _items(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = page.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiFault("the answer is no list of objects")
    return items


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """A whole answer; raises ApiFault for one without end."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise ApiFault(f"an answer is longer than {_LARGEST_ANSWER >> 20} MiB")
    return bytes(body)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of a stream, the last one only if it is whole; one may be longer than any buffer."""
    pending = bytearray()
    async for chunk in response.content.iter_any():
        pending += chunk
        while (end := pending.find(b"\n")) >= 0:
            line = bytes(pending[:end])
            del pending[: end + 1]
            if line.strip():
                yield line
        if len(pending) > _LONGEST_LINE:
            raise ApiFault(f"a watch event is longer than {_LONGEST_LINE >> 20} MiB")


def _notice_a_dead_peer(response: aiohttp.ClientResponse) -> None:
    """A watch may be silent for a minute, and so may a peer that has died: let the kernel ask after 25 s."""
    transport = response.connection.transport if response.connection is not None else None
    channel = transport.get_extra_info("socket") if transport is not None else None
    if channel is None:
        return
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, 10),
        (socket.TCP_KEEPINTVL, 5),
        (socket.TCP_KEEPCNT, 3),
    ):
        channel.setsockopt(socket.IPPROTO_TCP, option, value)


def _proxy(server: str) -> str | None:
    """What HTTPS_PROXY and NO_PROXY say of this server."""
    parts = urlsplit(server)
    if urllib.request.proxy_bypass_environment(parts.netloc):  # type: ignore[attr-defined]
        return None
    return urllib.request.getproxies_environment().get(parts.scheme)


def _tls(access: Access, certificate: str | None, key: str | None) -> ssl.SSLContext | bool:
    """How the server is trusted, and the certificate that is shown to it; raises ssl.SSLError or OSError."""
    if urlsplit(access.server).scheme != "https":
        return True
    context = ssl.create_default_context(cadata=access.ca)
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None and key is not None:
        # The standard library reads both from a file only: one in memory, which nobody else can open.
        with open(os.memfd_create("client", os.MFD_CLOEXEC), "w", encoding="ascii") as file:
            file.write(f"{certificate}\n{key}\n")
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password="")
    return context
